"""Metric alarms: M of N, missing data, and transitions, evaluated every minute."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from typing import Any, Literal

from lab.plant.metrics import MetricStore
from lab.plant.specs import AlarmSpec

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
# Called with alarm, old state, new state, reasonData and the time.
OnTransition = Callable[[AlarmSpec, State, State, dict[str, Any], datetime], None]
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": gt,
    "GreaterThanOrEqualToThreshold": ge,
    "LessThanThreshold": lt,
    "LessThanOrEqualToThreshold": le,
}
Points = list[tuple[datetime, float]]


@dataclass(slots=True)
class Alarm:
    """An alarm and its state."""

    spec: AlarmSpec
    state: State = "INSUFFICIENT_DATA"
    changed_at: datetime | None = None


class Alarms:
    """All alarms of the world. Actions fire on transitions only."""

    def __init__(self, metrics: MetricStore, delay_seconds: float, extra_periods: int) -> None:
        self._metrics = metrics
        self._delay = timedelta(seconds=delay_seconds)
        self._extra = extra_periods
        self._alarms: dict[str, Alarm] = {}
        self._listeners: list[OnTransition] = []

    def put(self, spec: AlarmSpec) -> None:
        """Create or replace; a new alarm starts as INSUFFICIENT_DATA."""
        known = self._alarms.get(spec.name)
        self._alarms[spec.name] = Alarm(spec, known.state if known else "INSUFFICIENT_DATA")

    def all(self) -> list[Alarm]:
        """Every alarm, in order of creation."""
        return list(self._alarms.values())

    def state_of(self, name: str) -> State:
        """The state of one alarm.

        Raises:
            KeyError: no such alarm.
        """
        return self._alarms[name].state

    def on_transition(self, listener: OnTransition) -> None:
        """Tell the listener of every change of state."""
        self._listeners.append(listener)

    def evaluate(self, now: datetime) -> None:
        """Look at the newest whole periods that CloudWatch shows by now."""
        for alarm in list(self._alarms.values()):
            points = self._points(alarm.spec, now)
            state = judge(alarm.spec, [value for _, value in points], alarm.state)
            if state != alarm.state:
                old, alarm.state, alarm.changed_at = alarm.state, state, now
                reason = _reason_data(alarm.spec, points, now)
                for listener in list(self._listeners):
                    listener(alarm.spec, old, state, reason, now)

    def _points(self, spec: AlarmSpec, now: datetime) -> Points:
        period = spec.period_seconds
        end = (now - self._delay).timestamp() // period * period
        start = end - period * (spec.evaluation_periods + self._extra)
        points = self._metrics.query(
            spec.namespace,
            spec.metric,
            spec.dimensions,
            spec.stat,
            period,
            datetime.fromtimestamp(start, UTC),
            datetime.fromtimestamp(end, UTC),
        )
        return points[-spec.evaluation_periods :]


def judge(spec: AlarmSpec, values: list[float], present: State) -> State:
    """The state that the newest N datapoints call for; fewer than N is missing data.

    Present points that already decide the matter do so; otherwise `breaching` and `notBreaching`
    fill the gaps, `ignore` keeps the state, `missing` judges by the points there are.
    """
    compare = _COMPARISONS[spec.comparison]
    breaching = sum(compare(value, spec.threshold) for value in values)
    gaps = spec.evaluation_periods - len(values)
    needed = spec.datapoints_to_alarm
    if spec.treat_missing_data == "breaching":
        breaching, gaps = breaching + gaps, 0
    if spec.treat_missing_data == "notBreaching":
        gaps = 0
    if breaching >= needed:
        return "ALARM"
    if breaching + gaps < needed:
        return "OK"
    if spec.treat_missing_data == "ignore":
        return present
    if not values:
        return "INSUFFICIENT_DATA"
    return "ALARM" if breaching == len(values) else "OK"


def _reason_data(spec: AlarmSpec, points: Points, now: datetime) -> dict[str, Any]:
    """The alarm's `reasonData`, before it is made a JSON string."""

    def stamp(at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}+0000"

    return {
        "version": "1.0",
        "queryDate": stamp(now),
        "startDate": stamp(points[0][0] if points else now),
        "statistic": spec.stat,
        "period": spec.period_seconds,
        "recentDatapoints": [value for _, value in points],
        "threshold": spec.threshold,
        "evaluatedDatapoints": [
            {"timestamp": stamp(at), "value": value} for at, value in reversed(points)
        ],
    }
