"""CloudWatch's GetMetricData and DescribeAlarms."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.bridge.metric_math import Series, evaluate
from lab.bridge.services.base import Aws, Operation, Params, page
from lab.plant import AwsError

QUERIES_PER_CALL = 500


@dataclass(frozen=True, slots=True)
class _Result:
    """One query's datapoints, in the order asked for."""

    id: str
    label: str
    points: list[tuple[datetime, float]]


def get_metric_data(aws: Aws, params: Params) -> dict[str, Any]:
    """GetMetricData: at most 500 queries, newest first unless told otherwise, in pages.

    Raises AwsError for what AWS refuses; a metric without datapoints is an empty list, no error.
    """
    queries = params["MetricDataQueries"]
    if len(queries) > QUERIES_PER_CALL:
        raise _invalid(f"The collection MetricDataQueries must not exceed {QUERIES_PER_CALL}.")
    if params["StartTime"] >= params["EndTime"]:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
    results = _results(aws, params, queries)
    size = min(params.get("MaxDatapoints", 100_800), aws.metric_page_datapoints)
    first = _position(params.get("NextToken"))
    shown = _paged(results, first, first + size)
    more = first + size < sum(len(result.points) for result in results)
    return {"MetricDataResults": shown, "NextToken": str(first + size) if more else None}


def _results(aws: Aws, params: Params, queries: list[dict[str, Any]]) -> list[_Result]:
    stats = {query["Id"]: query["MetricStat"] for query in queries if "MetricStat" in query}
    series = {name: _measured(aws, params, stat) for name, stat in stats.items()}
    newest_first = params.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    selected = [query for query in queries if query.get("Expression", "").startswith("SELECT ")]
    for query in queries:
        if "Expression" in query and query not in selected:
            series[query["Id"]] = evaluate(query["Expression"], series)
    return [
        *(
            _Result(q["Id"], _label(q), sorted(series[q["Id"]].items(), reverse=newest_first))
            for q in queries
            if q.get("ReturnData", True) and q not in selected
        ),
        *(found for query in selected for found in _busiest(aws, params, query)),
    ]


_BUSIEST = re.compile(
    r'SELECT MAX\(ConcurrentExecutions\) FROM SCHEMA\("AWS/Lambda", FunctionName\) '
    r"GROUP BY FunctionName ORDER BY MAX\(\) DESC LIMIT (\d+)"
)


def _busiest(aws: Aws, params: Params, query: dict[str, Any]) -> list[_Result]:
    """The one Metrics Insights query that is known here: a series for each of the busiest."""
    asked = _BUSIEST.fullmatch(query["Expression"])
    if asked is None:
        raise NotImplementedError(f"Metrics Insights: {query['Expression']}")
    found: list[_Result] = []
    for name in (*aws.world.functions, *aws.world.account.neighbours):
        metric = {
            "Namespace": "AWS/Lambda",
            "MetricName": "ConcurrentExecutions",
            "Dimensions": [{"Name": "FunctionName", "Value": name}],
        }
        stat = {"Metric": metric, "Stat": "Maximum", "Period": query["Period"]}
        points = _measured(aws, params, stat)
        found.append(_Result(query["Id"], name, sorted(points.items(), reverse=True)))
    seen = [one for one in found if one.points]
    seen.sort(key=lambda one: max(value for _, value in one.points), reverse=True)
    return seen[: int(asked[1])]


def _label(query: dict[str, Any]) -> str:
    metric = query.get("MetricStat", {}).get("Metric", {})
    return str(query.get("Label") or metric.get("MetricName") or query["Id"])


def _measured(aws: Aws, params: Params, stat: dict[str, Any]) -> Series:
    metric = stat["Metric"]
    return dict(
        aws.world.metrics.query(
            metric["Namespace"],
            metric["MetricName"],
            {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])},
            stat["Stat"],
            stat["Period"],
            params["StartTime"].astimezone(UTC),
            params["EndTime"].astimezone(UTC),
        )
    )


def _position(token: str | None) -> int:
    if token is not None and not token.isdecimal():
        raise _invalid("The token is not valid.")
    return int(token or 0)


def _paged(results: list[_Result], first: int, last: int) -> list[dict[str, Any]]:
    """The slice ``first:last`` of all datapoints, counted through all results."""
    shown, before = [], 0
    for result in results:
        low, high = max(first - before, 0), min(last - before, len(result.points))
        before += len(result.points)
        if low < high or (not result.points and first == 0):
            shown.append(_metric_data_result(result, low, high))
    return shown


def _metric_data_result(result: _Result, low: int, high: int) -> dict[str, Any]:
    points = result.points[low:high]
    return {
        "Id": result.id,
        "Label": result.label,
        "Timestamps": [at for at, _ in points],
        "Values": [float(value) for _, value in points],
        "StatusCode": "Complete" if high >= len(result.points) else "PartialData",
    }


def describe_alarms(aws: Aws, params: Params) -> dict[str, Any]:
    """DescribeAlarms by names, prefix or state: metric alarms, and log alarms if asked for."""
    kinds = params.get("AlarmTypes", ["MetricAlarm"])
    alarms = aws.alarms.all() if "MetricAlarm" in kinds else []
    found = [a.described() for a in alarms if _wanted(params, a.name, a.state.value)]
    shown, token = page(found, params.get("NextToken"), min(100, params.get("MaxRecords", 50)))
    logs = aws.log_alarms.items() if "LogAlarm" in kinds else ()
    return {
        "MetricAlarms": shown,
        "CompositeAlarms": [],
        "LogAlarms": [
            {"AlarmName": name, "AlarmArn": aws.arn("cloudwatch", f"alarm:{name}")}
            | {"StateValue": state, "ActionsEnabled": True}
            for name, state in logs
            if _wanted(params, name, state)
        ]
        if "LogAlarm" in kinds
        else None,
        "NextToken": token,
    }


def _wanted(params: Params, name: str, state: str) -> bool:
    return (
        name in params.get("AlarmNames", [name])
        and name.startswith(params.get("AlarmNamePrefix", ""))
        and state == params.get("StateValue", state)
    )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


OPERATIONS: dict[str, Operation] = {
    "DescribeAlarms": describe_alarms,
    "GetMetricData": get_metric_data,
}
