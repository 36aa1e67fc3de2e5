"""Every documented event becomes an Incident or a command; everything else an InputError."""

import copy
import json
import math
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediator.errors import InputError
from remediator.events import requests
from remediator.events.alarms import metrics, watched_by
from remediator.events.intake import from_described, understand
from remediator.model import Alarm, AlarmState, Incident, Watched
from remediator.ports import DescribedAlarm

NOW = datetime(2026, 11, 23, 10, 15, 31, tzinfo=UTC)
CHANGED = datetime(2026, 11, 23, 10, 15, 30, 123_000, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "eu-west-1"
UUID = "a1b2c3d4-5678-90ab-cdef-111122223333"

EVENTS: dict[str, Any] = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "events").glob("*.json"))
}

ORDERS = Watched(function="orders-consumer")
STREAM = Watched(stream="orders")
COMPOSITES = {"action_composite", "eventbridge_composite", "sns_composite"}
CHILDREN = ("orders-consumer-iterator-age",)


def event(name: str) -> Any:
    """A fresh copy of a sample event."""
    return copy.deepcopy(EVENTS[name])


def incident(raw: object, **known: str) -> Incident:
    """The incident in an event."""
    found = understand(raw, NOW, **known)
    assert isinstance(found, Incident)
    return found


# --- alarms ------------------------------------------------------------------------------------

POINTS_AT: dict[str, Watched | None] = {
    "action_function": ORDERS,
    "action_function_forced": ORDERS,
    "action_function_recovered": ORDERS,
    "action_function_no_data": ORDERS,
    "action_alias": Watched(function="orders-consumer", qualifier="live"),
    "action_stream": STREAM,
    "action_fan_out": STREAM,
    "action_mapping": Watched(event_source_mapping=UUID),
    "action_metric_math": ORDERS,
    "action_insights": ORDERS,
    "action_contributor": ORDERS,
    "action_composite": None,
    "eventbridge_function": ORDERS,
    "eventbridge_stream": STREAM,
    "eventbridge_metric_math": ORDERS,
    "eventbridge_composite": None,
    "eventbridge_contributor": ORDERS,
    "eventbridge_contributor_stream": STREAM,
    "sns_function": ORDERS,
    "sns_stream": STREAM,
    "sns_metric_math": ORDERS,
    "sns_composite": None,
    "sns_contributor": ORDERS,
}


def test_every_sample_event_is_in_the_table() -> None:
    assert set(EVENTS) == set(POINTS_AT) | {"action_log_alarm"}


@pytest.mark.parametrize(("name", "watched"), POINTS_AT.items(), ids=POINTS_AT)
def test_an_alarm_tells_what_it_points_at_where_and_when(
    name: str, watched: Watched | None
) -> None:
    found = incident(event(name))
    assert found.watched == watched
    assert found.child_alarms == (() if name not in COMPOSITES else CHILDREN)
    assert (found.at, found.account_id, found.region) == (CHANGED, ACCOUNT, REGION)
    assert found.alarm is not None
    assert found.alarm.arn == f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{found.alarm.name}"
    assert found.mode is None


@pytest.mark.parametrize(
    ("name", "state", "before", "threshold"),
    [
        ("action_function", "ALARM", "OK", 60_000.0),
        ("action_function_forced", "ALARM", "INSUFFICIENT_DATA", None),
        ("action_function_recovered", "OK", "ALARM", 60_000.0),
        ("action_function_no_data", "INSUFFICIENT_DATA", "OK", 60_000.0),
        ("action_composite", "ALARM", "OK", None),
        ("eventbridge_contributor", "ALARM", None, None),
        ("sns_function", "ALARM", "OK", 60_000.0),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_an_alarm_tells_its_states_and_its_threshold(
    name: str, state: str, before: str | None, threshold: float | None
) -> None:
    alarm = incident(event(name)).alarm
    assert alarm is not None
    assert (alarm.state, alarm.previous_state) == (state, before)
    assert alarm.threshold == threshold


def test_the_news_that_an_alarm_is_over_is_known_as_such() -> None:
    assert incident(event("action_function_recovered")).recovered
    assert not incident(event("action_function")).recovered


@pytest.mark.parametrize(
    "names",
    [
        ("action_function", "eventbridge_function", "sns_function"),
        ("action_stream", "eventbridge_stream", "sns_stream"),
        ("action_metric_math", "eventbridge_metric_math", "sns_metric_math"),
        ("action_composite", "eventbridge_composite", "sns_composite"),
        ("action_contributor", "eventbridge_contributor", "sns_contributor"),
    ],
    ids=["function", "stream", "metric math", "composite", "contributor"],
)
def test_one_transition_has_one_id_whichever_way_it_is_delivered(names: tuple[str, ...]) -> None:
    assert len({incident(event(name)).incident_id for name in names}) == 1


def test_one_transition_has_one_id_when_it_is_delivered_again_later() -> None:
    later = understand(event("action_function"), NOW + timedelta(hours=3))
    assert later == incident(event("action_function"))


def test_one_transition_has_one_id_with_and_without_its_arn() -> None:
    bare = event("action_function")
    del bare["alarmArn"]
    assert incident(bare).incident_id == incident(event("action_function")).incident_id


def test_other_transitions_contributors_and_alarms_have_other_ids() -> None:
    other_time = event("action_function")
    other_time["alarmData"]["state"]["timestamp"] = "2026-11-23T10:15:30.124+0000"
    apart = [
        event("action_function"),
        event("action_function_recovered"),
        event("action_stream"),
        event("eventbridge_contributor"),
        event("eventbridge_contributor_stream"),
        other_time,
    ]
    assert len({incident(raw).incident_id for raw in apart}) == len(apart)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-23T10:15:30.123+0000", CHANGED),
        ("2026-11-23T10:15:30.123Z", CHANGED),
        ("2026-11-23T10:15:30Z", CHANGED.replace(microsecond=0)),
        ("2026-11-23T12:15:30.123+02:00", CHANGED),
        ("2026-11-23T10:15:30.123", CHANGED),
    ],
)
def test_times_are_read_as_aws_writes_them(written: str, read: datetime) -> None:
    raw = event("action_function")
    raw["alarmData"]["state"]["timestamp"] = written
    assert incident(raw).at == read


@pytest.mark.parametrize(
    "written", [None, 17, "", "yesterday", "2026-13-45T99:00:00Z", "0001-01-01T00:00:00+23:59"]
)
def test_an_unreadable_time_gives_way_to_the_events_own(written: object) -> None:
    raw = event("action_function")
    raw["alarmData"]["state"]["timestamp"] = written
    raw["time"] = "2026-11-23T10:15:31.000+0000"
    assert incident(raw).at == NOW
    raw["time"] = written
    with pytest.raises(InputError, match=r"alarmData\.state\.timestamp: expected a time such as"):
        understand(raw, NOW)


def test_a_log_alarm_is_refused_because_it_has_no_metrics() -> None:
    with pytest.raises(InputError, match="log and PromQL alarms have no metrics"):
        understand(event("action_log_alarm"), NOW)


def test_an_alarm_that_names_nothing_is_about_the_default_function() -> None:
    raw = event("action_metric_math")
    raw["alarmData"]["configuration"]["metrics"][2]["metricStat"]["metric"]["dimensions"] = {}
    assert incident(raw, default_function="orders-consumer").watched == ORDERS
    with pytest.raises(InputError, match="dimension FunctionName, StreamName"):
        understand(raw, NOW)


def test_a_pattern_of_functions_is_no_default_function() -> None:
    assert incident(event("action_function"), default_function="orders-*").watched == ORDERS
    with pytest.raises(InputError, match="have no metrics"):
        understand(event("action_log_alarm"), NOW, default_function="orders-*")


def test_an_alarm_that_names_a_function_is_not_about_the_default_function() -> None:
    assert incident(event("action_function"), default_function="invoices").watched == ORDERS


@pytest.mark.parametrize(
    ("namespace", "dimensions"),
    [
        ("AWS/KinesisVideo", {"StreamName": "doorbell"}),
        ("AWS/CloudFront", {"FunctionName": "rewrite"}),
        ("AWS/EC2", {"InstanceId": "i-12345678"}),
    ],
)
def test_other_services_dimensions_of_the_same_name_name_nothing(
    namespace: str, dimensions: dict[str, str]
) -> None:
    raw = event("action_function")
    metric = raw["alarmData"]["configuration"]["metrics"][0]["metricStat"]["metric"]
    metric.update(namespace=namespace, dimensions=dimensions)
    with pytest.raises(InputError, match=f"found only '{next(iter(dimensions))}'"):
        understand(raw, NOW)


def test_the_metric_of_lag_decides_what_a_metric_math_alarm_is_about() -> None:
    raw = event("action_metric_math")
    other = raw["alarmData"]["configuration"]["metrics"][1]["metricStat"]["metric"]
    other["dimensions"] = {"FunctionName": "something-else"}
    assert incident(raw).watched == ORDERS


def test_an_alarm_on_several_functions_is_refused_unless_one_is_the_default() -> None:
    raw = event("action_metric_math")
    other = raw["alarmData"]["configuration"]["metrics"][1]["metricStat"]["metric"]
    other.update(name="IteratorAge", dimensions={"FunctionName": "invoices-consumer"})
    with pytest.raises(InputError, match=r"several \(function invoices-consumer, function orders"):
        understand(raw, NOW)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders-consumer"
    assert incident(raw, default_function=arn).watched == ORDERS


@pytest.mark.parametrize(
    "dimensions",
    [
        {"FunctionName": "orders-consumer", "Resource": "orders-consumer:live"},
        [
            {"name": "FunctionName", "value": "orders-consumer"},
            {"name": "Resource", "value": "orders-consumer:live"},
        ],
        [
            {"Name": "FunctionName", "Value": "orders-consumer"},
            {"Name": "Resource", "Value": "orders-consumer:live"},
        ],
    ],
    ids=["mapping", "name and value", "Name and Value"],
)
def test_dimensions_are_read_in_all_three_spellings(dimensions: object) -> None:
    raw = event("action_function")
    metric = raw["alarmData"]["configuration"]["metrics"][0]["metricStat"]["metric"]
    metric["dimensions"] = dimensions
    assert incident(raw).watched == Watched(function="orders-consumer", qualifier="live")


@pytest.mark.parametrize(
    ("expression", "watched"),
    [
        (
            "SELECT MAX(IteratorAge) FROM \"AWS/Lambda\" WHERE FunctionName = 'orders'",
            Watched(function="orders"),
        ),
        (
            """select max("GetRecords.IteratorAgeMilliseconds")
               from SCHEMA("AWS/Kinesis", StreamName) where StreamName='orders'""",
            STREAM,
        ),
        (
            """SELECT MAX(IteratorAge) FROM SCHEMA("AWS/Lambda", FunctionName, Resource)
               WHERE FunctionName = 'orders' AND Resource = 'orders:live'""",
            Watched(function="orders", qualifier="live"),
        ),
        ("SELECT MAX(IteratorAge) FROM \"AWS/Lambda\" WHERE FunctionName != 'orders'", None),
        ("SELECT AVG(Age) FROM \"AWS/KinesisVideo\" WHERE StreamName = 'orders'", None),
        ("SUM(METRICS())", None),
    ],
)
def test_a_metrics_insights_query_names_what_it_narrows_down_to(
    expression: str, watched: Watched | None
) -> None:
    named = watched_by(metrics({"metrics": [{"id": "q1", "expression": expression}]}))
    assert (named.watched if named else None) == watched


def test_a_metrics_insights_query_on_several_functions_is_refused() -> None:
    query = (
        'SELECT MAX(IteratorAge) FROM "AWS/Lambda" '
        "WHERE FunctionName = 'orders' OR FunctionName = 'invoices'"
    )
    with pytest.raises(InputError, match="function invoices, function orders"):
        watched_by(metrics({"metrics": [{"id": "q1", "expression": query}]}))


def test_an_alarm_as_cloudwatch_describes_it_is_read_too() -> None:
    described = {
        "AlarmName": "orders",
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": "orders-consumer"}],
    }
    named = watched_by(metrics(described))
    assert named is not None
    assert named.watched == ORDERS


# --- composite alarms --------------------------------------------------------------------------


@pytest.mark.parametrize("data", [None, "", "[...]", '{"triggeringAlarms": "none"}', "[1]"])
def test_without_triggering_alarms_the_rule_names_the_children(data: str | None) -> None:
    raw = event("action_composite")
    raw["alarmData"]["state"]["reasonData"] = data
    found = incident(raw).child_alarms
    assert found == ("orders-consumer-iterator-age", "invoices-consumer-iterator-age", "deploying")


def test_a_rule_may_count_its_children() -> None:
    raw = event("action_composite")
    del raw["alarmData"]["state"]["reasonData"]
    raw["alarmData"]["configuration"]["alarmRule"] = 'AT_LEAST(2, ALARM, (one, "two", three))'
    assert incident(raw).child_alarms == ("one", "two", "three")


def test_a_rule_without_children_is_refused() -> None:
    raw = event("action_composite")
    del raw["alarmData"]["state"]["reasonData"]
    raw["alarmData"]["configuration"]["alarmRule"] = "TRUE"
    with pytest.raises(InputError, match=r"configuration\.alarmRule: expected a composite alarm's"):
        understand(raw, NOW)


def test_a_composite_alarm_is_about_what_its_child_watches() -> None:
    child = DescribedAlarm(
        alarm=Alarm(name=CHILDREN[0], state=AlarmState.ALARM, threshold=60_000), watched=ORDERS
    )
    found = from_described(incident(event("sns_composite")), child)
    assert found.watched == ORDERS
    assert found.alarm is not None
    assert (found.alarm.name, found.alarm.threshold) == ("orders-unwell", 60_000)
    assert found.incident_id == incident(event("sns_composite")).incident_id


def test_a_child_that_watches_neither_function_nor_stream_is_refused() -> None:
    child = DescribedAlarm(alarm=Alarm(name="cpu", state=AlarmState.ALARM))
    with pytest.raises(InputError, match="alarm cpu to be on a metric of a function or a stream"):
        from_described(incident(event("action_composite")), child)


# --- other accounts ----------------------------------------------------------------------------


def test_an_alarm_of_another_account_or_region_is_refused() -> None:
    raw = event("action_function")
    incident(raw, account_id=ACCOUNT, region=REGION)
    with pytest.raises(InputError, match="expected account 999999999999, got something in account"):
        understand(raw, NOW, account_id="999999999999")
    with pytest.raises(InputError, match="expected Region us-east-1, got something in Region eu-"):
        understand(raw, NOW, region="us-east-1")


def test_a_metric_of_another_account_than_its_alarms_is_refused() -> None:
    raw = event("action_function")
    raw["alarmData"]["configuration"]["metrics"][0]["accountId"] = "999999999999"
    with pytest.raises(InputError, match="something in account 999999999999"):
        understand(raw, NOW)


def test_a_child_alarm_of_another_account_is_refused() -> None:
    raw = event("sns_composite")
    raw["Records"][0]["Sns"]["Message"] = raw["Records"][0]["Sns"]["Message"].replace(
        f'"Arn":"arn:aws:cloudwatch:{REGION}:{ACCOUNT}',
        f'"Arn":"arn:aws:cloudwatch:{REGION}:999999999999',
    )
    with pytest.raises(InputError, match="something in account 999999999999"):
        understand(raw, NOW)


def its_metric(raw: Any, place: int = 0) -> Any:
    """One metric of an alarm's event, to be changed."""
    return raw["alarmData"]["configuration"]["metrics"][place]


def naming_nobody() -> Any:
    """An alarm that leaves out its own account and Region."""
    raw = event("action_metric_math")
    for key in ("alarmArn", "accountId", "region"):
        raw.pop(key, None)
    return raw


OTHERS = "999999999999"


@pytest.mark.parametrize(
    "metric",
    [
        {"accountId": OTHERS},
        {"accountId": int(OTHERS)},
        {"expression": "m1 * 2", "accountId": OTHERS},
        {
            "expression": f'SELECT MAX(IteratorAge) FROM "AWS/Lambda" '
            f"WHERE FunctionName = 'orders-consumer' AND AWS.AccountId = '{OTHERS}'"
        },
        *(
            {"metricStat": {"metric": {"namespace": "AWS/Lambda", "dimensions": dimensions}}}
            for dimensions in (
                {"FunctionName": f"arn:aws:lambda:{REGION}:{OTHERS}:function:orders-consumer"},
                {"FunctionName": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders-consumer"},
                {"FunctionName": f"{OTHERS}:function:orders-consumer"},
                {"Somewhere": f"arn:aws:kinesis:{REGION}:{OTHERS}:stream/orders"},
                [{"name": "AWS.AccountId", "value": OTHERS}],
            )
        ),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_an_alarm_that_leaves_its_account_out_may_not_name_anothers(
    metric: dict[str, Any], place: int
) -> None:
    raw = naming_nobody()
    assert incident(raw, account_id=ACCOUNT, region=REGION).watched == ORDERS
    its_metric(raw, place + 1).update(metric)
    with pytest.raises(InputError, match=r"something in (account 999999999999|Region us-east-1)"):
        understand(raw, NOW, account_id=ACCOUNT, region=REGION)


def test_a_contributor_of_another_account_is_refused() -> None:
    raw = event("action_contributor")
    raw["alarmData"]["alarmContributor"]["attributes"]["AWS.AccountId"] = OTHERS
    for key in ("alarmArn", "accountId", "region"):
        raw.pop(key, None)
    with pytest.raises(InputError, match="something in account 999999999999"):
        understand(raw, NOW, account_id=ACCOUNT, region=REGION)


def test_an_alarms_arn_of_another_account_is_refused_beside_our_own_account() -> None:
    raw = event("action_function")
    raw["alarmArn"] = raw["alarmArn"].replace(ACCOUNT, OTHERS)
    with pytest.raises(InputError, match="something in account 999999999999"):
        understand(raw, NOW, account_id=ACCOUNT, region=REGION)


def test_a_rule_is_held_against_our_account_beside_what_triggered_it() -> None:
    raw = event("action_composite")
    raw["alarmData"]["configuration"]["alarmRule"] += (
        f' OR ALARM("arn:aws:cloudwatch:{REGION}:{OTHERS}:alarm:theirs")'
    )
    with pytest.raises(InputError, match="something in account 999999999999"):
        understand(raw, NOW, account_id=ACCOUNT, region=REGION)


def test_what_an_alarm_does_and_says_may_name_any_account() -> None:
    raw = event("sns_function")
    message = json.loads(raw["Records"][0]["Sns"]["Message"])
    message["AlarmActions"] = [f"arn:aws:sns:{REGION}:{OTHERS}:central"]
    message["AlarmDescription"] = f"arn:aws:lambda:{REGION}:{OTHERS}:function:orders"
    raw["Records"][0]["Sns"]["Message"] = json.dumps(message)
    assert incident(raw, account_id=ACCOUNT, region=REGION).watched == ORDERS


# --- one thing or another ----------------------------------------------------------------------


def age_of(**dimensions: str) -> dict[str, Any]:
    """A metric of lag with these dimensions."""
    return {
        "metricStat": {
            "metric": {"namespace": "AWS/Lambda", "name": "IteratorAge", "dimensions": dimensions}
        }
    }


def alarm_on(*metrics: dict[str, Any]) -> Any:
    raw = event("action_function")
    raw["alarmData"]["configuration"]["metrics"] = list(metrics)
    return raw


@pytest.mark.parametrize("turned", [False, True])
def test_a_function_and_its_alias_in_one_alarm_are_one_function(turned: bool) -> None:
    both = [
        age_of(FunctionName="orders-consumer"),
        age_of(FunctionName="orders-consumer", Resource="orders-consumer:live"),
    ]
    found = incident(alarm_on(*(reversed(both) if turned else both)))
    assert found.watched == Watched(function="orders-consumer", qualifier="live")


def test_several_aliases_of_one_function_are_the_function() -> None:
    both = [
        age_of(FunctionName="orders-consumer", Resource=f"orders-consumer:{alias}")
        for alias in ("live", "canary")
    ]
    assert incident(alarm_on(*both)).watched == ORDERS


def foreign(namespace: str, **dimensions: str) -> dict[str, Any]:
    return {
        "metricStat": {
            "metric": {"namespace": namespace, "name": "IteratorAge", "dimensions": dimensions}
        }
    }


@pytest.mark.parametrize(
    "metric",
    [
        foreign("AWS/Pipes", PipeName="orders"),
        foreign("AWS/SQS", QueueName="orders"),
        foreign("AWS/Kafka"),
        foreign("AWS/KinesisVideo", StreamName="orders"),
        foreign("Shop/Jobs", JobName="orders"),
        {"expression": 'SELECT MAX(IteratorAge) FROM SCHEMA("AWS/Pipes", PipeName)'},
    ],
)
def test_an_alarm_about_another_thing_is_not_about_the_default_function(
    metric: dict[str, Any],
) -> None:
    with pytest.raises(InputError, match="expected a metric with the dimension FunctionName"):
        understand(alarm_on(metric), NOW, default_function="orders-consumer")


@pytest.mark.parametrize("metric", [foreign("AWS/Lambda"), foreign("Shop/Lag")])
def test_an_alarm_about_nothing_in_particular_is_about_the_default_function(
    metric: dict[str, Any],
) -> None:
    assert incident(alarm_on(metric), default_function="orders-consumer").watched == ORDERS


def test_a_contributor_of_another_services_query_names_nothing_of_ours() -> None:
    raw = event("action_contributor")
    raw["alarmData"]["configuration"]["metrics"] = [
        {"expression": 'SELECT MAX(Age) FROM SCHEMA("AWS/KinesisVideo", StreamName)'}
    ]
    raw["alarmData"]["alarmContributor"]["attributes"] = {"StreamName": "orders"}
    with pytest.raises(InputError, match="expected a metric with the dimension FunctionName"):
        understand(raw, NOW, default_function="orders-consumer")


# --- size --------------------------------------------------------------------------------------


def steps_of(raw: object) -> int:
    """How many lines and calls of Python it takes to answer, whatever the machine."""
    counted = 0

    def count(*_: object) -> Any:
        nonlocal counted
        counted += 1
        return count

    sys.settrace(count)
    try:
        with pytest.raises(InputError) as refused:
            understand(raw, NOW, account_id=ACCOUNT, region=REGION)
    finally:
        sys.settrace(None)
    assert len(str(refused.value)) < 2000
    return counted


def functions(count: int) -> Any:
    return alarm_on(*(age_of(FunctionName=f"f{n}") for n in range(count)))


def foreign_dimensions(count: int) -> Any:
    return alarm_on(foreign("AWS/SQS", **{f"d{n}": "x" for n in range(count)}))


def ruled(count: int) -> Any:
    raw = event("action_composite")
    raw["alarmData"]["configuration"]["alarmRule"] = " OR ".join(
        f'ALARM("a{n}")' for n in range(600 + count)
    )
    del raw["alarmData"]["state"]["reasonData"]
    return raw


def queried(count: int) -> Any:
    named = " OR ".join(f"FunctionName = 'f{n}'" for n in range(count))
    return alarm_on({"expression": f'SELECT MAX(IteratorAge) FROM "AWS/Lambda" WHERE {named}'})


@pytest.mark.parametrize("made", [functions, foreign_dimensions, ruled, queried])
def test_an_alarm_takes_work_that_grows_as_it_does_and_no_faster(
    made: Callable[[int], Any],
) -> None:
    none, some, many = (steps_of(made(count)) for count in (10, 110, 1010))
    assert many - none <= 1.5 * 10 * max(some - none, 1000)


# --- nothing but an answer or an InputError ----------------------------------------------------


def answer(raw: object) -> object:
    """An incident that can be stored and read back, a command, or ``None`` for an InputError."""
    try:
        found = understand(raw, NOW)
    except InputError as error:
        str(error).encode()  # no lone surrogates: it can be logged
        return None
    if isinstance(found, Incident):
        assert Incident.model_validate_json(found.model_dump_json()) == found
        assert (found.watched is None) == bool(found.child_alarms)
    return found


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and index inside a value."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


def unpacked(name: str) -> tuple[Any, bool]:
    """An event with the JSON text of an SNS message laid open, and whether it was one."""
    raw = event(name)
    if "Records" not in raw:
        return raw, False
    raw["Records"][0]["Sns"]["Message"] = json.loads(raw["Records"][0]["Sns"]["Message"])
    return raw, True


def packed(raw: Any, *, is_sns: bool) -> Any:
    try:
        sns = raw["Records"][0]["Sns"]
        if is_sns and "Message" in sns:
            sns["Message"] = json.dumps(sns["Message"])
    except (LookupError, TypeError):
        pass
    return raw


def changed(name: str, path: tuple[Any, ...], *values: object) -> Any:
    """An event with one place deleted, or replaced by a value."""
    raw, is_sns = unpacked(name)
    holder = raw
    for step in path[:-1]:
        holder = holder[step]
    if values:
        holder[path[-1]] = values[0]
    else:
        del holder[path[-1]]
    return packed(raw, is_sns=is_sns)


ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    "\ud800",
    -1,
    10**400,
    math.nan,
    True,
    [],
    {},
    [None],
    {"a": {}},
    b"\xff",
)


@pytest.mark.parametrize("name", EVENTS)
def test_any_field_may_be_missing(name: str) -> None:
    understood = [answer(changed(name, path)) for path in places(unpacked(name)[0])]
    if name != "action_log_alarm":
        assert sum(map(bool, understood)) > len(understood) / 2


@pytest.mark.parametrize("name", EVENTS)
def test_any_field_may_hold_something_odd(name: str) -> None:
    is_sns = "Records" in EVENTS[name]
    for path in places(unpacked(name)[0]):
        for odd in ODD:
            if not (is_sns and isinstance(odd, bytes)):
                answer(changed(name, path, odd))


NEEDED = {
    "action_function": {("alarmData",), ("alarmData", "state"), ("alarmData", "state", "value")},
    "eventbridge_function": {("detail",), ("detail", "state"), ("detail", "state", "value")},
}


@pytest.mark.parametrize("name", NEEDED)
def test_with_a_default_function_only_the_state_cannot_be_missing(name: str) -> None:
    refused = set()
    for path in places(EVENTS[name]):
        try:
            understand(changed(name, path), NOW, default_function="orders-consumer")
        except InputError:
            refused.add(path)
    assert refused == NEEDED[name]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        *requests.KEYS,
        *sorted({str(key) for raw in EVENTS.values() for path in places(raw) for key in path}),
    ]
)
NEARLY = st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=4), max_size=5)
WORDS = st.from_regex(r"[A-Za-z0-9:/_.()\"'= -]{0,80}")


@given(JSON | NEARLY | st.binary() | st.dictionaries(st.integers() | st.none(), JSON, max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_garbage_is_answered_or_refused(raw: object) -> None:
    answer(raw)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_events_with_garbage_in_them_are_answered_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(EVENTS)))
    path = data.draw(st.sampled_from(list(places(unpacked(name)[0]))))
    answer(changed(name, path, data.draw(JSON | NEARLY | WORDS)))


def test_depth_is_no_danger() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for name in ("action_function", "eventbridge_composite", "eventbridge_contributor"):
        for path in places(EVENTS[name]):
            answer(changed(name, path, deep))
    for key in ("function", "approve", "rollback", "freeze", "Records", "detail"):
        answer({key: deep})
    raw = event("action_function")
    raw["alarmData"]["state"]["reasonData"] = "[" * 200_000
    assert incident(raw).watched == ORDERS
