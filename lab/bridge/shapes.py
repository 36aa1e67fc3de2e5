"""The shapes in which an alarm's change of state reaches a Lambda function.

Sources: CloudWatch User Guide, "Invoke a Lambda function from an alarm" and "Alarm events and
EventBridge"; Lambda Developer Guide, "Using Lambda with Amazon SNS" (aws-lambda-go's sample).
"""

import json
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from moto.utilities.arns import parse_arn

from lab.bridge.alarms import Alarm, State, stamp

Delivery = Literal["lambda", "sns", "eventbridge"]

_REGION_NAMES = {
    "eu-central-1": "EU (Frankfurt)",
    "eu-west-1": "EU (Ireland)",
    "us-east-1": "US East (N. Virginia)",
    "us-west-2": "US West (Oregon)",
}


def alarm_event(alarm: Alarm, delivery: Delivery) -> dict[str, Any]:
    """The event of the alarm's last transition, in one of the three shapes."""
    return {"lambda": _lambda_action, "sns": _sns, "eventbridge": _eventbridge}[delivery](alarm)


def _id(alarm: Alarm) -> str:
    return str(uuid5(NAMESPACE_URL, f"{alarm.arn} {alarm.state.at.isoformat()}"))


def _lambda_action(alarm: Alarm) -> dict[str, Any]:
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm.arn,
        "accountId": parse_arn(alarm.arn).account,
        "time": stamp(alarm.state.at),
        "region": parse_arn(alarm.arn).region,
        "alarmData": _alarm_data(alarm),
    }


def _alarm_data(alarm: Alarm) -> dict[str, Any]:
    return {
        "alarmName": alarm.name,
        "state": _state(alarm.state),
        "previousState": _state(alarm.previous),
        "configuration": _configuration(alarm),
    }


def _state(state: State) -> dict[str, Any]:
    data = {} if state.reason_data is None else {"reasonData": state.reason_data}
    return {"value": state.value, "reason": state.reason, **data, "timestamp": stamp(state.at)}


def _configuration(alarm: Alarm) -> dict[str, Any]:
    """No threshold, no periods, no comparison: AWS leaves them out."""
    described = alarm.properties.get("AlarmDescription")
    return ({"description": described} if described else {}) | {"metrics": _metrics(alarm)}


def _metrics(alarm: Alarm) -> list[dict[str, Any]]:
    given = alarm.properties
    if alarm.is_math:
        return [_math_metric(metric) for metric in given["Metrics"]]
    stat = {"Metric": given, "Period": given["Period"], "Stat": given["Statistic"]}
    return [{"id": _id(alarm), "metricStat": _metric_stat(stat), "returnData": True}]


def _math_metric(metric: dict[str, Any]) -> dict[str, Any]:
    kind = (
        {"expression": metric["Expression"], "label": metric.get("Label", metric["Id"])}
        if "Expression" in metric
        else {"metricStat": _metric_stat(metric["MetricStat"])}
    )
    return {"id": metric["Id"], **kind, "returnData": metric.get("ReturnData", True)}


def _metric_stat(stat: dict[str, Any]) -> dict[str, Any]:
    metric = stat["Metric"]
    return {
        "metric": {
            "namespace": metric["Namespace"],
            "name": metric["MetricName"],
            "dimensions": {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])},
        },
        "period": int(stat["Period"]),
        "stat": stat["Stat"],
    }


def _eventbridge(alarm: Alarm) -> dict[str, Any]:
    return {
        "version": "0",
        "id": _id(alarm),
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": parse_arn(alarm.arn).account,
        "time": alarm.state.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": parse_arn(alarm.arn).region,
        "resources": [alarm.arn],
        "detail": _alarm_data(alarm),
    }


def _sns(alarm: Alarm) -> dict[str, Any]:
    topic = next((arn for arn in alarm.actions if ":sns:" in arn), "arn:aws:sns:::alarms")
    region = parse_arn(alarm.arn).region
    notification = {
        "Type": "Notification",
        "MessageId": _id(alarm),
        "TopicArn": topic,
        "Subject": f'{alarm.state.value}: "{alarm.name}" in {_region_name(alarm)}',
        "Message": json.dumps(_sns_message(alarm)),
        "Timestamp": alarm.state.at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "SignatureVersion": "1",
        "Signature": "not-checked-by-lambda",
        "SigningCertUrl": f"https://sns.{region}.amazonaws.com/certificate.pem",
        "UnsubscribeUrl": f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe",
        "MessageAttributes": {},
    }
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{topic}:{_id(alarm)}",
        "Sns": notification,
    }
    return {"Records": [record]}


def _region_name(alarm: Alarm) -> str:
    region = str(parse_arn(alarm.arn).region)
    return _REGION_NAMES.get(region, region)


def _sns_message(alarm: Alarm) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.properties.get("AlarmDescription"),
        "AWSAccountId": parse_arn(alarm.arn).account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.created_at),
        "NewStateValue": alarm.state.value,
        "NewStateReason": alarm.state.reason,
        "StateChangeTime": stamp(alarm.state.at),
        "Region": _region_name(alarm),
        "AlarmArn": alarm.arn,
        "OldStateValue": alarm.previous.value,
        "OKActions": alarm.properties.get("OKActions", []),
        "AlarmActions": alarm.properties.get("AlarmActions", []),
        "InsufficientDataActions": [],
        "Trigger": _trigger(alarm),
    }


def _trigger(alarm: Alarm) -> dict[str, Any]:
    given = alarm.properties
    common = {
        "Period": int(given.get("Period", 60)),
        "EvaluationPeriods": int(given["EvaluationPeriods"]),
        "DatapointsToAlarm": int(given.get("DatapointsToAlarm", given["EvaluationPeriods"])),
        "ComparisonOperator": given["ComparisonOperator"],
        "Threshold": float(given["Threshold"]),
        "TreatMissingData": given.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": "",
    }
    if alarm.is_math:
        return common | {"Metrics": [_sns_math_metric(metric) for metric in given["Metrics"]]}
    return common | {
        "MetricName": given["MetricName"],
        "Namespace": given["Namespace"],
        "StatisticType": "Statistic",
        "Statistic": given["Statistic"].upper(),
        "Unit": None,
        "Dimensions": _sns_dimensions(given),
    }


def _sns_dimensions(metric: dict[str, Any]) -> list[dict[str, str]]:
    return [{"value": d["Value"], "name": d["Name"]} for d in metric.get("Dimensions", [])]


def _sns_math_metric(metric: dict[str, Any]) -> dict[str, Any]:
    shown = {"Id": metric["Id"], "ReturnData": metric.get("ReturnData", True)}
    if "Expression" in metric:
        return shown | {"Expression": metric["Expression"], "Label": metric.get("Label", "")}
    stat = metric["MetricStat"]
    named = {
        "Namespace": stat["Metric"]["Namespace"],
        "MetricName": stat["Metric"]["MetricName"],
        "Dimensions": _sns_dimensions(stat["Metric"]),
    }
    return shown | {
        "MetricStat": {"Metric": named, "Period": int(stat["Period"]), "Stat": stat["Stat"]}
    }
