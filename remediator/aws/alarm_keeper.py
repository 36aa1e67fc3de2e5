"""The alarms of chosen functions: what is there, what they need to know, and making them so."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from remediator.alarming import PREFIX, Consumer, Step, Verb
from remediator.aws import reading
from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.reading import Answer
from remediator.aws.series import MOST_QUERIES
from remediator.errors import RemediatorError
from remediator.model import SourceKind, Target

HISTORY_DAYS = 14
_HOUR = 3600
# Alarms in one DeleteAlarms.
_MOST_DELETED = 100
# A DynamoDB stream keeps its records for a day
# (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html).
_TABLE_RETENTION_SECONDS = 24 * _HOUR


class Existing(NamedTuple):
    """Thresholds in seconds by the alarms' names, and whose of them a person has set since."""

    thresholds: Mapping[str, int]
    theirs: frozenset[str]


class AlarmKeeper(NamedTuple):
    """Lists stream consumers and their alarms, and puts or deletes those of ours.

    Every method raises PermanentError where it is denied, TemporaryError where it may work later.
    """

    clients: Clients

    def consumers(self, now: datetime) -> tuple[Consumer, ...]:
        """Every function of the account and Region that a stream feeds, also by an alias."""
        mappings = self.mappings()
        retention = self._retention(
            {target.source_arn: target.kind for each in mappings.values() for target, _ in each}
        )
        ages = self._hourly_ages(mappings, now)
        return tuple(
            Consumer(
                function,
                max(answer.get("MaximumBatchingWindowInSeconds") or 0 for _, answer in each),
                min((s for t, _ in each if (s := retention[t.source_arn])), default=None),
                ages.get(function, ()),
            )
            for function, each in mappings.items()
        )

    def mappings(self) -> Mapping[str, list[tuple[Target, Answer]]]:
        """The mappings of streams, by their function."""
        found: dict[str, list[tuple[Target, Answer]]] = defaultdict(list)
        with aws_errors("lambda"):
            pages = self.clients.lambda_.get_paginator("list_event_source_mappings").paginate()
            for page in pages:
                for answer in page["EventSourceMappings"]:
                    target = reading.target(answer)
                    if target is not None:
                        found[target.function].append((target, answer))
        return found

    def _retention(self, streams: Mapping[str, SourceKind]) -> dict[str, int | None]:
        """Seconds by stream; ``None`` where it is not seen (another account's, or denied)."""
        return {
            arn: self._retention_of(arn) if kind is SourceKind.KINESIS else _TABLE_RETENTION_SECONDS
            for arn, kind in streams.items()
        }

    def _retention_of(self, arn: str) -> int | None:
        try:
            with aws_errors("kinesis"):
                found = self.clients.kinesis.describe_stream_summary(StreamARN=arn)
                return found["StreamDescriptionSummary"]["RetentionPeriodHours"] * _HOUR
        except RemediatorError:
            return None

    def _hourly_ages(self, functions: Iterable[str], now: datetime) -> dict[str, tuple[float, ...]]:
        """Seconds, by function: the highest age of each hour with records."""
        end = reading.utc(now).replace(minute=0, second=0, microsecond=0)
        found: dict[str, tuple[float, ...]] = {}
        for names in _parts(sorted(functions), MOST_QUERIES):
            with aws_errors("cloudwatch"):
                pages = self.clients.cloudwatch.get_paginator("get_metric_data").paginate(
                    MetricDataQueries=[_query(f"m{n}", name) for n, name in enumerate(names)],
                    StartTime=end - timedelta(days=HISTORY_DAYS),
                    EndTime=end,
                )
                for page in pages:
                    for result in page["MetricDataResults"]:
                        name = names[int(result["Id"][1:])]
                        seconds = tuple(value / 1000 for value in result["Values"])
                        found[name] = found.get(name, ()) + seconds
        return found

    def existing(self) -> Existing:
        """The alarms of ours that are there."""
        with aws_errors("cloudwatch"):
            pages = self.clients.cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=PREFIX, AlarmTypes=["MetricAlarm"]
            )
            alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        thresholds = {one["AlarmName"]: int(one.get("Threshold", 0) // 1000) for one in alarms}
        made_at = {one["AlarmName"]: _made_at(one) for one in alarms}
        theirs = (name for name, now in thresholds.items() if made_at[name] not in {None, now})
        return Existing(thresholds, frozenset(theirs))

    def carry_out(self, steps: Iterable[Step], action: str) -> None:
        """Create, change and remove. ``action``: ARN of what the alarms call."""
        removed = []
        for step in steps:
            if step.verb is Verb.REMOVE:
                removed.append(step.name)
            elif step.verb is not Verb.KEEP:
                with aws_errors("cloudwatch"):
                    self.clients.cloudwatch.put_metric_alarm(**_alarm(step, action))
        for names in _parts(removed, _MOST_DELETED):
            with aws_errors("cloudwatch"):
                self.clients.cloudwatch.delete_alarms(AlarmNames=names)


def _parts(names: list[str], most: int) -> Iterator[list[str]]:
    return (names[at : at + most] for at in range(0, len(names), most))


def _query(query_id: str, function: str) -> Any:
    return {
        "Id": query_id,
        "MetricStat": {"Metric": _metric(function), "Period": _HOUR, "Stat": "Maximum"},
    }


def _metric(function: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
    }


# What a description ends in: the threshold that was ours, since AWS keeps no trace of whose it is.
_MADE_AT = re.compile(r" Made at (\d+) s\.$")


def _made_at(alarm: Any) -> int | None:
    """The threshold that we have given it; ``None``: made before that was written down."""
    found = _MADE_AT.search(alarm.get("AlarmDescription") or "")
    return int(found[1]) if found else None


def _alarm(step: Step, action: str) -> dict[str, Any]:
    """As the template's alarm on one function is, where the reasons stand."""
    return _metric(step.function) | {
        "AlarmName": step.name,
        "AlarmDescription": f"The stream consumer {step.function} falls behind: {step.why}. "
        f"Made at {step.after or 0} s.",
        "Statistic": "Maximum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": float((step.after or 0) * 1000),
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "missing",
        "AlarmActions": [action],
        "OKActions": [action],
        "InsufficientDataActions": [action],
        "Tags": [{"Key": "remediator", "Value": "managed"}],
    }
