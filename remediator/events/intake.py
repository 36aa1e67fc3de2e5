"""Any event → an Incident or a command; else an InputError that says what was expected.

Nothing in an event is trusted to be there: CloudWatch leaves out ``reasonData`` for a forced
state, ``metrics`` for composite and log alarms, ``previousState`` for contributors.
"""

import math
from datetime import UTC, datetime

from remediator.errors import InputError
from remediator.events import alarms, names, requests
from remediator.events.deliveries import DELIVERIES, Event, Facts, look, parsed
from remediator.events.names import AlarmArn, Here, Named, shown
from remediator.events.requests import Command
from remediator.model import Alarm, AlarmState, Incident
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
    facts = next((find(event) for key, find in DELIVERIES.items() if key in event), None)
    asked = requests.read(event, here) if facts is None else _incident(facts, here)
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


# --- from facts to an incident -----------------------------------------------------------------


def _incident(facts: Facts, here: Here) -> Incident:
    if facts.of("source") not in (None, "aws.cloudwatch"):
        raise InputError(f"source: expected 'aws.cloudwatch', got {shown(facts.of('source'))}")
    arn = names.alarm_arn(facts.of("arn"))
    account = names.account_id(facts.of("account")) or (arn.account_id if arn else None)
    region = names.region(facts.of("region")) or (arn.region if arn else None)
    here.check(account, region)
    there = here._replace(account_id=account or here.account_id, region=region or here.region)
    _nothing_from_elsewhere(facts, there)
    alarm, at, children = _alarm(facts, arn), _when(facts), _children(facts, there)
    named = None if children else _named(facts, alarm.name, there)
    return Incident(
        incident_id=names.new_incident_id(
            *(arn or AlarmArn(alarm.name, account or "", region or "")),
            facts.text("contributor") or "",
            at.isoformat(timespec="milliseconds"),
            alarm.state,
        ),
        at=at,
        account_id=account or here.account_id,
        region=region or here.region,
        alarm=alarm,
        watched=named.watched if named else None,
        child_alarms=children,
    )


def _alarm(facts: Facts, arn: AlarmArn | None) -> Alarm:
    name = facts.text("name") or (arn.name if arn else None)
    if name is None:
        raise InputError(f"{_where(facts, 'name')}: expected the alarm's name, got none")
    state = _state(facts.of("state"))
    if state is None:
        raise InputError(
            f"{_where(facts, 'state')}: expected {', '.join(AlarmState)}, got "
            f"{shown(facts.of('state'))}"
        )
    threshold = _number(facts.of("threshold"), look(parsed(facts.of("data")), ("threshold",)))
    return Alarm(
        name=name,
        arn=facts.text("arn") if arn else None,
        state=state,
        previous_state=_state(facts.of("previous")),
        reason=facts.text("reason") or "",
        threshold=threshold,
        late_after_seconds=alarms.late_after_seconds(facts.of("metrics"), threshold),
    )


def _state(value: object) -> AlarmState | None:
    return AlarmState(value) if isinstance(value, str) and value in set(AlarmState) else None


def _number(*values: object) -> float | None:
    """The first finite number among the values."""
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                if math.isfinite(value):
                    return float(value)
            except OverflowError:
                continue
    return None


def _when(facts: Facts) -> datetime:
    """When the state changed; else when the event was sent, which is a little later."""
    found = _time(facts.of("at")) or _time(facts.of("time"))
    if found is None:
        raise InputError(
            f"{_where(facts, 'at')}: expected a time such as 2026-11-23T10:15:30.123+0000, got "
            f"{shown(facts.of('at'))}"
        )
    return found


def _time(value: object) -> datetime | None:
    """A time as AWS writes it: ``+0000`` or ``Z``, with or without fraction; naive is UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year in _PLAUSIBLE_YEARS else None


_PLAUSIBLE_YEARS = range(2009, 2200)
"""CloudWatch began in 2009. Outside of these, arithmetic with a window might leave the calendar."""


def _named(facts: Facts, alarm: str, there: Here) -> Named:
    """What a metric or contributor alarm points at, else the function of last resort."""
    default = _default(there)
    metrics = list(alarms.metrics(facts.of("metrics")))
    # A contributor has its dimensions from the alarm's query, and means what the query is about.
    of_query = {metric.namespace for metric in metrics}
    namespace = of_query.pop() if len(of_query) == 1 else ""
    contributor = alarms.Metric("", namespace, alarms.dimensions(facts.of("attributes")))
    named = alarms.watched_by([contributor]) or alarms.watched_by(
        metrics, default.watched.function if default else None
    )
    if named is None and not alarms.about_another_thing(_that_say_something(metrics)):
        named = default
    if named is None:
        raise InputError(_names_nothing(alarm, [contributor, *metrics]))
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


# --- composite alarms --------------------------------------------------------------------------


def _children(facts: Facts, there: Here) -> tuple[str, ...]:
    """Names of the alarms that a composite alarm was triggered by, else of all in its rule.

    Children live in their parent's account and Region, so a name is enough to look them up.
    """
    listed = look(parsed(facts.of("data")), ("triggeringAlarms",)), facts.of("children")
    triggering = [arn for children in listed for arn in _arns(children)]
    rule = facts.of("rule")
    in_rule = _in_rule(rule) if isinstance(rule, str) else []
    found = triggering or in_rule
    if not found and rule is not None:
        raise InputError(
            f"{_where(facts, 'rule')}: expected a composite alarm's rule that names other alarms, "
            f"got {shown(rule)}"
        )
    for child in (*triggering, *in_rule):
        there.check(child.account_id or None, child.region or None)
    children = tuple(dict.fromkeys(child.name for child in found))
    if len(children) > _MOST_CHILDREN:
        raise InputError(
            f"{_where(facts, 'rule')}: expected at most {_MOST_CHILDREN} alarms below a composite "
            f"one, got {len(children)}"
        )
    return children


_MOST_CHILDREN = 500
"""A composite alarm's rule has at most 500 elements (CloudWatch User Guide, quotas)."""


def _arns(children: object) -> list[AlarmArn]:
    fields = map(alarms.lowered, children) if isinstance(children, list) else ()
    return [arn for child in fields if (arn := names.alarm_arn(child.get("arn")))]


def _in_rule(rule: str) -> list[AlarmArn]:
    found = map(names.text, alarms.in_rule(rule))
    return [names.alarm_arn(name) or AlarmArn(name, "", "") for name in found if name]


# --- our own account and Region ----------------------------------------------------------------


def _nothing_from_elsewhere(facts: Facts, there: Here) -> None:
    """Hold everything in the alarm that names an account or a Region against our own."""
    data = parsed(facts.of("data"))
    for account, region in names.places([facts.alarm, data]):
        there.check(account, region)


# --- small readers -----------------------------------------------------------------------------


def _where(facts: Facts, fact: str) -> str:
    return ".".join(str(step) for step in facts.paths[fact])


def _keys(event: Event) -> str:
    listed = [shown(key) for key in event]
    return alarms.shortened(listed) if listed else "(none)"
