"""The deployed alarms: what DescribeAlarms says of them, and their life from state to state.

The plant evaluates them. A metric-math alarm is evaluated by a second set of the plant's alarms,
whose metrics are the expressions.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from lab.bridge.metric_math import Series, evaluate
from lab.plant import AlarmSpec, World
from lab.plant.alarms import Alarms as PlantAlarms

MINUTE = timedelta(minutes=1)
STAMP = "%Y-%m-%dT%H:%M:%S.%f"


def stamp(at: datetime) -> str:
    """CloudWatch's own way to write a time: milliseconds and ``+0000``."""
    return at.strftime(STAMP)[:-3] + "+0000"


@dataclass(frozen=True, slots=True)
class State:
    """A state and since when; ``reason_data`` is JSON text, absent before the first evaluation."""

    value: str
    reason: str
    at: datetime
    reason_data: str | None = None


@dataclass(slots=True)
class Alarm:
    """One alarm. ``properties`` are CloudFormation's, which are also DescribeAlarms' names."""

    name: str
    arn: str
    properties: dict[str, Any]
    state: State
    previous: State
    created_at: datetime

    @property
    def actions(self) -> list[str]:
        """ARNs of what the present state calls."""
        key = {"ALARM": "AlarmActions", "OK": "OKActions"}.get(self.state.value)
        return list(self.properties.get(key or "InsufficientDataActions", []))

    @property
    def is_math(self) -> bool:
        """Whether it watches an expression instead of one metric."""
        return "Metrics" in self.properties

    def spec(self) -> AlarmSpec:
        """The alarm as the plant evaluates it."""
        given = self.properties
        watched = _watched_expression(self) if self.is_math else _watched_metric(given)
        return AlarmSpec(
            name=self.name,
            **watched,
            threshold=float(given["Threshold"]),
            evaluation_periods=int(given["EvaluationPeriods"]),
            datapoints_to_alarm=int(given.get("DatapointsToAlarm", given["EvaluationPeriods"])),
            comparison=given["ComparisonOperator"],
            treat_missing_data=given.get("TreatMissingData", "missing"),
        )

    def described(self) -> dict[str, Any]:
        """The entry of DescribeAlarms."""
        numbers = {"Threshold": float(self.properties["Threshold"])}
        return {
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            **self.properties,
            **numbers,
            "AlarmName": self.name,
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.created_at,
            "StateValue": self.state.value,
            "StateReason": self.state.reason,
            "StateReasonData": self.state.reason_data,
            "StateUpdatedTimestamp": self.state.at,
            "StateTransitionedTimestamp": self.state.at,
        }


def _watched_metric(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "namespace": given["Namespace"],
        "metric": given["MetricName"],
        "dimensions": {d["Name"]: d["Value"] for d in given.get("Dimensions", [])},
        "stat": given.get("Statistic") or given["ExtendedStatistic"],
        "period_seconds": int(given["Period"]),
    }


def _watched_expression(alarm: Alarm) -> dict[str, Any]:
    stats = [m["MetricStat"] for m in alarm.properties["Metrics"] if "MetricStat" in m]
    return {
        "namespace": "expressions",
        "metric": alarm.name,
        "dimensions": {},
        "stat": "Average",
        "period_seconds": int(stats[0]["Period"]),
    }


Transition = Callable[[Alarm], None]


class Alarms:
    """The account's alarms by name. ``on_transition`` hears of each change of state."""

    def __init__(self, world: World) -> None:
        self.on_transition: list[Transition] = []
        self._world = world
        self._alarms: dict[str, Alarm] = {}
        self._expressions = _Expressions(world, {})
        self._math = PlantAlarms(
            cast(Any, self._expressions),
            world.knobs.cloudwatch_delay_seconds,
            world.knobs.alarm_extra_periods,
        )
        world.alarms.on_transition(self._moved)
        self._math.on_transition(self._moved)

    def put(self, name: str, arn: str, properties: dict[str, Any]) -> Alarm:
        """Create an alarm; it starts as INSUFFICIENT_DATA and is evaluated from now on."""
        now = self._world.now()
        first = State("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation", now)
        alarm = self._alarms[name] = Alarm(name, arn, properties, first, first, now)
        if alarm.is_math:
            if not self._math.all():
                self._evaluate_every_minute()
            self._expressions.metrics[name] = properties["Metrics"]
            self._math.put(alarm.spec())
        else:
            self._world.alarms.put(alarm.spec())
        return alarm

    def all(self) -> list[Alarm]:
        """Every alarm, by name."""
        return [alarm for _, alarm in sorted(self._alarms.items())]

    def _evaluate_every_minute(self) -> None:
        now = self._world.now()
        self._world.at(now.replace(second=0, microsecond=0) + MINUTE, self._evaluate_every_minute)
        self._math.evaluate(now)

    def _moved(
        self, spec: AlarmSpec, _old: str, new: str, reason_data: dict[str, Any], at: datetime
    ) -> None:
        alarm = self._alarms.get(spec.name)
        if alarm is None:
            return
        state = State(new, _reason(alarm, new, reason_data), at, json.dumps(reason_data))
        alarm.previous, alarm.state = alarm.state, state
        for heard in self.on_transition:
            heard(alarm)


@dataclass(slots=True)
class _Expressions:
    """Looks like the plant's metrics to its alarms; a metric's name is the alarm's."""

    world: World
    metrics: dict[str, list[dict[str, Any]]]

    def query(
        self,
        _namespace: str,
        name: str,
        _dimensions: dict[str, str],
        _stat: str,
        period_seconds: int,
        start: datetime,
        end: datetime,
    ) -> list[tuple[datetime, float]]:
        """The expression's datapoints; one period more is read, for RATE's first."""
        earlier = start - timedelta(seconds=period_seconds)
        metrics = self.metrics[name]
        series = {
            metric["Id"]: self._measured(metric["MetricStat"], earlier, end)
            for metric in metrics
            if "MetricStat" in metric
        }
        returned = next(m for m in metrics if "Expression" in m and m.get("ReturnData", True))
        points = evaluate(returned["Expression"], series)
        return sorted((at, value) for at, value in points.items() if at >= start)

    def _measured(self, stat: dict[str, Any], start: datetime, end: datetime) -> Series:
        metric = stat["Metric"]
        points = self.world.metrics.query(
            metric["Namespace"],
            metric["MetricName"],
            {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])},
            stat["Stat"],
            int(stat["Period"]),
            start,
            end,
        )
        return dict(points)


def _reason(alarm: Alarm, value: str, data: dict[str, Any]) -> str:
    """The sentence as CloudWatch words it."""
    count = int(alarm.properties["EvaluationPeriods"])
    if value == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {count} datapoints were unknown."
    recent = data.get("recentDatapoints", [])
    verb = "was" if len(recent) == 1 else "were"
    denied = "" if value == "ALARM" else "not "
    need = int(alarm.properties.get("DatapointsToAlarm", count)) if value == "ALARM" else 1
    noun = "datapoint" if need == 1 else "datapoints"
    return (
        f"Threshold Crossed: {len(recent)} out of the last {count} datapoints {recent} {verb} "
        f"{denied}greater than the threshold ({data.get('threshold')}) "
        f"(minimum {need} {noun} for {alarm.state.value} -> {value} transition)."
    )
