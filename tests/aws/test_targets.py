"""From what is watched to the mapping that lags."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from remediator.aws.clients import Clients
from remediator.aws.sensor import AwsSensor
from remediator.errors import InputError, PermanentError, TemporaryError
from remediator.model import SourceKind, Watched
from tests.aws.aws_world import ACCOUNT, NOW, REGION, World

STREAMS = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:consumer"


def _uuid(digit: int) -> str:
    return "-".join(str(digit) * length for length in (8, 4, 4, 4, 12))


def find(aws: World, **watched: str | None) -> list[str]:
    found = AwsSensor(aws.clients).find_targets(Watched(**watched), NOW)
    return [target.event_source_mapping for target in found]


@pytest.fixture
def uuid(aws: World) -> str:
    """One function with one stream mapping."""
    aws.function()
    return aws.mapping(aws.stream())


# --- ways to name it ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "watched",
    [
        pytest.param({"function": "consumer"}, id="function"),
        pytest.param({"function": FUNCTION_ARN}, id="function ARN"),
        pytest.param({"function": f"{ACCOUNT}:function:consumer"}, id="partial function ARN"),
        pytest.param({"stream": "orders"}, id="stream"),
        pytest.param(
            {"stream": f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"}, id="stream ARN"
        ),
    ],
)
def test_a_mapping_is_found_by_any_name_of_its_ends(
    aws: World, uuid: str, watched: dict[str, str]
) -> None:
    assert find(aws, **watched) == [uuid]


def test_a_mapping_is_found_by_its_uuid(aws: World, uuid: str) -> None:
    target = AwsSensor(aws.clients).find_targets(Watched(event_source_mapping=uuid), NOW)[0]
    assert (target.function, target.stream, target.kind) == (
        "consumer",
        "orders",
        SourceKind.KINESIS,
    )
    assert target.source_arn == f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"


def test_a_table_s_stream_is_found_too(aws: World) -> None:
    aim = aws.table_pipeline(1)
    found = AwsSensor(aws.clients).find_targets(Watched(stream=aim.source_arn), NOW)
    assert found == (aim,)
    assert "kinesis:ListStreamConsumers" not in aws.operations()


def test_mappings_of_registered_consumers_belong_to_their_stream(aws: World, uuid: str) -> None:
    stream = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
    consumer = aws.consumer(stream, "fanout")
    fanout = aws.mapping_answer(consumer, "fast", "22222222-2222-2222-2222-222222222222")
    aws.fakes["lambda:ListEventSourceMappings"] = lambda asked: {
        "EventSourceMappings": [fanout] if asked["EventSourceArn"] == consumer else []
    }
    found = AwsSensor(aws.clients).find_targets(Watched(stream="orders"), NOW)
    assert [(one.function, one.source_arn, one.consumer_arn) for one in found] == [
        ("fast", stream, consumer)
    ]


@pytest.mark.parametrize("qualifier", ["live", "7"])
def test_the_mapping_of_the_alias_that_the_alarm_names_comes_first(
    aws: World, qualifier: str
) -> None:
    stream = aws.stream()
    plain = aws.mapping_answer(stream, "consumer", _uuid(1))
    other = aws.mapping_answer(stream, f"consumer:{qualifier}", _uuid(2))
    listed = {
        "consumer": [plain],
        f"consumer:{qualifier}": [other],
    }
    aws.fakes["lambda:ListEventSourceMappings"] = lambda asked: {
        "EventSourceMappings": listed.get(asked.get("FunctionName", ""), [plain, other])
    }
    assert find(aws, function="consumer", qualifier=qualifier)[0] == other["UUID"]
    assert find(aws, function="consumer")[0] == plain["UUID"]


def test_an_alias_s_mapping_is_found_although_the_function_s_listing_leaves_it_out(
    aws: World,
) -> None:
    hidden = aws.mapping_answer(aws.stream(), "consumer:live", _uuid(3))
    stranger = aws.mapping_answer(aws.stream("b"), "consumer-two", _uuid(4))
    aws.fakes["lambda:ListEventSourceMappings"] = lambda asked: {
        "EventSourceMappings": [] if "FunctionName" in asked else [stranger, hidden]
    }
    assert find(aws, function="consumer") == [hidden["UUID"]]


def test_an_alias_s_mapping_is_found_beside_one_that_names_the_function_alone(aws: World) -> None:
    """The function's metrics mix both, and which one lags is seen only among all of them."""
    plain = aws.mapping_answer(aws.stream(), "consumer", _uuid(1))
    hidden = aws.mapping_answer(aws.stream("b"), "consumer:live", _uuid(3))
    listed = {"consumer": [plain], "consumer:live": [hidden]}
    aws.fakes["lambda:ListAliases"] = lambda _: {"Aliases": [{"Name": "live"}]}
    aws.fakes["lambda:ListEventSourceMappings"] = lambda asked: {
        "EventSourceMappings": listed[asked["FunctionName"]]
    }
    assert sorted(find(aws, function="consumer")) == [plain["UUID"], hidden["UUID"]]


def test_listings_are_read_to_their_end(aws: World) -> None:
    first = aws.mapping_answer(aws.stream(), "consumer", _uuid(5))
    second = first | {"UUID": _uuid(6)}
    pages: dict[str, dict[str, object]] = {
        "": {"EventSourceMappings": [first], "NextMarker": "more"},
        "more": {"EventSourceMappings": [second]},
    }
    aws.fakes["lambda:ListEventSourceMappings"] = lambda asked: pages[asked.get("Marker", "")]
    assert sorted(find(aws, function="consumer")) == [first["UUID"], second["UUID"]]


# --- order -------------------------------------------------------------------------------------


@pytest.fixture
def three(aws: World) -> dict[str, str]:
    """Mappings by the name of their stream; one of them is disabled."""
    aws.function()
    return {
        "calm": aws.mapping(aws.stream("calm")),
        "late": aws.mapping(aws.stream("late")),
        "off": aws.mapping(aws.stream("off"), Enabled=False),
    }


def _age(aws: World, stream: str, *values: float) -> None:
    aws.metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", {"StreamName": stream}, *values)


def test_of_a_function_s_streams_the_one_that_lags_comes_first(
    aws: World, three: dict[str, str]
) -> None:
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "consumer"}, 800_000)
    _age(aws, "calm", 0)
    _age(aws, "late", 10, 800_000)
    _age(aws, "off", 9_000_000)
    assert find(aws, function="consumer") == [three["late"], three["calm"], three["off"]]


def test_of_a_stream_s_functions_the_one_that_lags_comes_first(aws: World) -> None:
    stream = aws.stream()
    uuids = {}
    for name in ("fast", "slow", "silent"):
        aws.function(name)
        uuids[name] = aws.mapping(stream, name)
    _age(aws, "orders", 900_000)
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "fast"}, 20)
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "slow"}, 600_000)
    assert find(aws, stream="orders") == [uuids["silent"], uuids["slow"], uuids["fast"]]


def test_lag_is_asked_for_in_one_call_and_only_where_there_is_a_choice(
    aws: World, three: dict[str, str]
) -> None:
    find(aws, function="consumer")
    assert aws.operations().count("cloudwatch:GetMetricData") == 1
    aws.calls.clear()
    find(aws, stream="late")
    assert "cloudwatch:GetMetricData" not in aws.operations()


def test_without_metrics_what_is_enabled_still_comes_first(
    aws: World, three: dict[str, str]
) -> None:
    aws.deny("cloudwatch:GetMetricData")
    assert find(aws, function="consumer")[-1] == three["off"]


def test_a_choice_is_not_guessed_while_cloudwatch_is_throttled(
    aws: World, three: dict[str, str]
) -> None:
    aws.refuse("cloudwatch:GetMetricData", "Throttling", "Rate exceeded")
    with pytest.raises(TemporaryError):
        find(aws, function="consumer")


# --- nothing to be found -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("watched", "words"),
    [
        pytest.param({"function": "nobody"}, "function nobody.*found none", id="function"),
        pytest.param({"stream": "nothing"}, "stream nothing.*found none", id="stream"),
        pytest.param(
            {"event_source_mapping": "00000000-0000-0000-0000-000000000000"},
            "mapping 00000000.*found none",
            id="mapping",
        ),
        pytest.param({"function": "a b"}, "function", id="malformed function"),
        pytest.param({"stream": "a/b"}, "stream", id="malformed stream"),
        pytest.param({"event_source_mapping": "../x"}, "mapping", id="malformed mapping"),
        pytest.param(
            {"function": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:consumer"},
            "lies in us-east-1",
            id="function of another Region",
        ),
        pytest.param(
            {"stream": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/orders"},
            "lies in us-east-1",
            id="stream of another Region",
        ),
        pytest.param({}, "stream", id="nothing named"),
    ],
)
def test_what_leads_to_no_mapping_is_refused_with_what_was_looked_for(
    aws: World, watched: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        find(aws, **watched)


def test_a_queue_s_mapping_is_none_of_ours(aws: World) -> None:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"
    mapping = aws.mapping_answer(queue, "consumer", _uuid(7))
    aws.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": [mapping]})
    with pytest.raises(InputError, match=f"only 1 of other sources: {queue}"):
        find(aws, function="consumer")


@pytest.mark.parametrize(
    ("call", "watched"),
    [
        ("lambda:ListEventSourceMappings", {"function": "consumer"}),
        ("lambda:GetEventSourceMapping", {"event_source_mapping": _uuid(0)}),
        ("kinesis:DescribeStreamSummary", {"stream": "orders"}),
        ("kinesis:ListStreamConsumers", {"stream": "empty"}),
    ],
)
def test_a_denied_listing_names_the_missing_action(
    aws: World, uuid: str, call: str, watched: dict[str, str]
) -> None:
    aws.stream("empty")
    aws.deny(call)
    with pytest.raises(PermanentError) as caught:
        find(aws, **watched)
    assert caught.value.permission == call


def test_without_the_consumers_a_stream_s_own_mappings_will_do(aws: World, uuid: str) -> None:
    aws.deny("kinesis:ListStreamConsumers")
    assert find(aws, stream="orders") == [uuid]


def test_a_stream_that_is_read_ahead_does_not_excuse_its_mapping(aws: World) -> None:
    """What is not processed yet may have been read long ago: then more comes in where it lags."""
    aws.function()
    uuids = {name: aws.mapping(aws.stream(name)) for name in ("quiet", "busy")}
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "consumer"}, 0, 540_000)
    _age(aws, "quiet", 5_000, 5_000)
    _age(aws, "busy", 2_000, 2_000)
    for name, count in (("quiet", 60), ("busy", 6_000)):
        aws.metric("AWS/Kinesis", "IncomingRecords", {"StreamName": name}, count, count)
    assert find(aws, function="consumer") == [uuids["busy"], uuids["quiet"]]


def test_what_comes_and_goes_by_chance_is_no_reason_to_lag(aws: World) -> None:
    """Of two streams that nearly nothing comes in at, the one whose last batch went wrong lags."""
    aws.function()
    listed = [
        aws.mapping_answer(f"{STREAMS}/{name}", "consumer", _uuid(digit))
        | {"LastProcessingResult": said}
        for name, digit, said in (("calm", 1, "OK"), ("late", 2, "PROBLEM: Function call failed"))
    ]
    aws.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": listed})
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "consumer"}, 0, 540_000)
    calm = [4.0] * 20 + [9.0]
    aws.metric("AWS/Kinesis", "IncomingRecords", {"StreamName": "calm"}, *calm)
    aws.metric("AWS/Kinesis", "IncomingRecords", {"StreamName": "late"}, *([3.0] * 21))
    assert find(aws, function="consumer") == [_uuid(2), _uuid(1)]


def test_a_mapping_that_was_stopped_just_now_may_be_what_lags(aws: World) -> None:
    aws.function()
    since = {"LastModified": NOW - timedelta(minutes=3), "State": "Disabled"}
    listed = [
        aws.mapping_answer(f"{STREAMS}/calm", "consumer", _uuid(1)),
        aws.mapping_answer(f"{STREAMS}/late", "consumer", _uuid(2)) | since,
    ]
    aws.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": listed})
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "consumer"}, 600_000)
    _age(aws, "late", 600_000)
    assert find(aws, function="consumer") == [_uuid(2), _uuid(1)]


def test_where_nothing_tells_which_mapping_lags_they_stay_as_aws_lists_them(aws: World) -> None:
    aws.function()
    listed = [
        aws.mapping_answer(f"{STREAMS}/{name}", "consumer", _uuid(digit))
        for name, digit in (("read-ahead", 9), ("audit", 1))
    ]
    aws.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": listed})
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "consumer"}, 0, 540_000)
    _age(aws, "read-ahead", 2_000)
    _age(aws, "audit", 5_000)
    assert find(aws, function="consumer") == [_uuid(9), _uuid(1)]


def test_a_consumer_s_own_lag_decides_for_a_mapping_with_enhanced_fan_out(aws: World) -> None:
    listed = []
    for digit, name, behind in ((1, "calm", 0), (2, "late", 400_000)):
        consumer = aws.consumer(aws.stream(name), f"fan-{name}")
        listed.append(aws.mapping_answer(consumer, "consumer", _uuid(digit)))
        dimensions = {"StreamName": name, "ConsumerName": f"fan-{name}"}
        aws.metric("AWS/Kinesis", "SubscribeToShardEvent.MillisBehindLatest", dimensions, behind)
        _age(aws, name, 800_000 - behind)
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "consumer"}, 420_000)
    aws.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": listed})
    assert find(aws, function="consumer") == [_uuid(2), _uuid(1)]


def test_the_namesake_of_a_stream_in_another_account_ranks_nothing(aws: World) -> None:
    aws.function()
    theirs = f"arn:aws:kinesis:{REGION}:444455556666:stream/orders"
    listed = [
        aws.mapping_answer(theirs, "consumer", _uuid(1)),
        aws.mapping_answer(f"{STREAMS}/late", "consumer", _uuid(2)),
    ]
    aws.answer("lambda:ListEventSourceMappings", {"EventSourceMappings": listed})
    aws.metric("AWS/Lambda", "IteratorAge", {"FunctionName": "consumer"}, 600_000)
    _age(aws, "orders", 900_000)
    _age(aws, "late", 600_000)
    assert find(aws, function="consumer") == [_uuid(2), _uuid(1)]


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "ap-southeast-7"),
        ("aws-cn", "cn-northwest-1"),
        ("aws-eusc", "eusc-de-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-us-gov", "us-gov-west-1"),
    ],
)
def test_a_pipeline_is_found_in_a_region_of_any_partition(partition: str, region: str) -> None:
    session = boto3.Session("testing", "testing", region_name=region)
    place = f"{region}:{ACCOUNT}"
    mapping = {
        "UUID": _uuid(3),
        "EventSourceArn": f"arn:{partition}:kinesis:{place}:stream/orders",
        "FunctionArn": f"arn:{partition}:lambda:{place}:function:consumer",
        "State": "Enabled",
    }
    answers = {"ListEventSourceMappings": {"EventSourceMappings": [mapping]}, "ListAliases": {}}
    ok = AWSResponse("", 200, HTTPHeaders(), None)
    answered: Callable[..., Any] = lambda model, **_: (ok, answers[model.name])  # noqa: E731 - botocore's stubs say None
    for asked in answers:
        session.events.register(f"before-call.lambda.{asked}", answered)
    sensor = AwsSensor(Clients(session))
    for name in ("consumer", mapping["FunctionArn"]):
        found = sensor.find_targets(Watched(function=name), NOW)
        assert [(one.region, one.stream) for one in found] == [(region, "orders")]


@pytest.mark.parametrize("answer", [{}, {"EventSourceMappings": [{}]}, {"EventSourceMappings": 7}])
def test_a_listing_that_cannot_be_read_is_tried_again_later(
    aws: World, uuid: str, answer: dict[str, object]
) -> None:
    aws.answer("lambda:ListEventSourceMappings", answer)
    with pytest.raises(TemporaryError, match="cannot be read"):
        find(aws, function="consumer")
