"""Any event → an Incident or a command; else an InputError that says what was expected.

Nothing in an event is trusted to be there: CloudWatch leaves out ``reasonData`` for a forced
state, ``metrics`` for composite and log alarms, ``previousState`` for contributors.
"""

from datetime import datetime

from remediator.errors import InputError
from remediator.events import alarms, deliveries, names, requests
from remediator.events.deliveries import Event, Told
from remediator.events.names import Here, Named, shown
from remediator.events.requests import Command
from remediator.model import Alarm, Incident
from remediator.ports import DescribedAlarm


def understand(
    event: object,
    now: datetime,
    *,
    default_function: str | None = None,
    account_id: str | None = None,
    region: str | None = None,
) -> Incident | Command:
    """What the event asks for.

    ``default_function`` stands in for alarms that name neither function nor stream, unless it
    is a pattern (``orders-*``). An event about another account or Region than ours is refused.

    The id of an alarm's incident is made of the alarm, its new state and the millisecond of the
    transition, so that one transition has one id, whichever ways and however often it is
    delivered (invariant 7). The id of a request by hand is made of what it names and of its
    ``request_id`` or else the second of ``now``: to ask again later is a new request.

    Raises InputError for everything that cannot be understood, and nothing else.
    """
    if not isinstance(event, dict):
        raise InputError(f"expected a JSON object, got {shown(event)}")
    here = Here(now, default_function, account_id, region)
    told = deliveries.read(event)
    asked = requests.read(event, here) if told is None else _incident(*told, here)
    if asked is None:
        raise InputError(f"{_EXPECTED}; got the keys {_keys(event)}")
    return asked


def from_described(incident: Incident, described: DescribedAlarm) -> Incident:
    """The incident of a composite alarm, now that one of its children has been looked up.

    Takes over what the child watches and, where the composite has none, its threshold.
    Raises InputError when the child watches no function, mapping or stream.
    """
    if described.watched is None:
        raise InputError(
            f"expected alarm {described.alarm.name} to be on a metric of a function or a stream; "
            "it names neither"
        )
    found = with_threshold(incident, described)
    return found.model_copy(update={"watched": described.watched})


def with_threshold(incident: Incident, described: DescribedAlarm) -> Incident:
    """With the threshold of an alarm that was looked up, where the event did not tell one."""
    alarm = incident.alarm
    if alarm is None or alarm.threshold is not None:
        return incident
    told = {
        "threshold": described.alarm.threshold,
        "late_after_seconds": described.alarm.late_after_seconds,
    }
    return incident.model_copy(update={"alarm": alarm.model_copy(update=told)})


_EXPECTED = (
    "expected a CloudWatch alarm (key alarmData from a Lambda action, detail from EventBridge, "
    f"Records from SNS) or a request with one of the keys {', '.join(requests.KEYS)}"
)


def _incident(told: Told, alarm: object, here: Here) -> Incident:
    """Everything in the alarm that names an account or a Region is held against our own."""
    here.check(told.account_id, told.region)
    there = here._replace(
        account_id=told.account_id or here.account_id, region=told.region or here.region
    )
    for place in (*names.places(alarm), *((one.account_id, one.region) for one in told.rule)):
        there.check(*place)
    named = None if told.children else _named(told, there)
    return Incident(
        incident_id=names.new_incident_id(
            *(told.arn or (told.name, told.account_id or "", told.region or ""))[:3],
            told.contributor or "",
            told.at.isoformat(timespec="milliseconds"),
            told.state,
        ),
        at=told.at,
        account_id=there.account_id,
        region=there.region,
        alarm=Alarm(
            name=told.name,
            arn=told.arn.text if told.arn else None,
            state=told.state,
            previous_state=told.previous_state,
            reason=told.reason or "",
            threshold=told.threshold,
            late_after_seconds=alarms.late_after_seconds(told.metrics, told.threshold),
        ),
        watched=named.watched if named else None,
        child_alarms=told.children,
    )


def _named(told: Told, there: Here) -> Named:
    """What a metric or contributor alarm points at, else the function of last resort."""
    default = _default(there)
    metrics = list(alarms.metrics(told.metrics))
    # A contributor has its dimensions from the alarm's query, and means what the query is about.
    of_query = {metric.namespace for metric in metrics}
    namespace = of_query.pop() if len(of_query) == 1 else ""
    contributor = alarms.Metric("", namespace, alarms.dimensions(told.attributes))
    named = alarms.watched_by([contributor]) or alarms.watched_by(
        metrics, default.watched.function if default else None
    )
    if named is None and not alarms.about_another_thing(_that_say_something(metrics)):
        named = default
    if named is None:
        raise InputError(_names_nothing(told.name, [contributor, *metrics]))
    there.check(named.account_id, named.region)
    return named


def _that_say_something(metrics: list[alarms.Metric]) -> list[alarms.Metric]:
    return [metric for metric in metrics if metric.namespace or metric.dimensions]


def _default(there: Here) -> Named | None:
    """The function of last resort; a pattern for several functions names none."""
    try:
        return names.function(there.default_function)
    except InputError:
        return None


def _names_nothing(alarm: str, metrics: list[alarms.Metric]) -> str:
    found = sorted({shown(name) for metric in metrics for name in metric.dimensions})
    spaces = sorted({shown(metric.namespace) for metric in metrics if metric.namespace})
    of = f" (of {alarms.shortened(spaces)})" if spaces else ""
    return (
        f"alarm {alarm}: expected a metric with the dimension FunctionName, StreamName or "
        "EventSourceMappingUUID, or a contributor with such an attribute; "
    ) + (
        f"found only {alarms.shortened(found)}{of}"
        if found
        else f"found no dimensions{of} (log and PromQL alarms have no metrics)"
    )


def _keys(event: Event) -> str:
    listed = [shown(key) for key in event]
    return alarms.shortened(listed) if listed else "(none)"
