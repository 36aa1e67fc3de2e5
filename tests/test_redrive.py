"""Messages of on-failure destinations in all their forms, and what is replayed of them."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.errors import InputError
from remediator.redrive import (
    GivenUp,
    batches,
    failing,
    first_failure,
    kinesis_record,
    read,
    sequence_of,
    table_record,
    told,
)

STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
TABLE = "arn:aws:dynamodb:us-east-2:123456789012:table/t/stream/2024-06-10T19:26:16.525"


def message(
    info: str = "KinesisBatchInfo", stream: str = STREAM, first: int = 100, **more: Any
) -> dict[str, Any]:
    """As the Lambda Developer Guide shows it."""
    return {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        info: {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": str(first),
            "endSequenceNumber": str(first + 9),
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 10,
            "streamArn": stream,
        },
    } | more


def too_old() -> dict[str, Any]:
    """What was given up for its age was never handed to the function: no responseContext."""
    said = message()
    del said["responseContext"]
    said["requestContext"]["condition"] = "RecordAgeExceeded"
    return said


EVENT = {"Records": [{"kinesis": {"sequenceNumber": "100"}}]}
FORMS = {
    "a queue": (json.dumps(message()), "RetryAttemptsExhausted", None),
    "a topic that feeds a queue": (
        json.dumps({"Type": "Notification", "Message": json.dumps(message())}),
        "RetryAttemptsExhausted",
        None,
    ),
    "a bucket, which keeps the event too": (
        json.dumps(message(payload=json.dumps(EVENT))),
        "RetryAttemptsExhausted",
        EVENT,
    ),
    "a record that was too old": (json.dumps(too_old()), "RecordAgeExceeded", None),
    "a partial batch": (
        json.dumps(message(responseContext={"statusCode": 200, "functionError": None})),
        "RetryAttemptsExhausted",
        None,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_documented_form_is_understood(form: str) -> None:
    text, condition, event = FORMS[form]
    one = read(text)
    assert (one.shard_id, one.first, one.last, one.batch_size) == (
        "shardId-000000000001",
        "100",
        "109",
        10,
    )
    assert (one.condition, one.event) == (condition, event)


def test_a_tables_stream_says_it_in_its_own_words() -> None:
    assert read(json.dumps(message("DDBStreamBatchInfo", TABLE))).stream_arn == TABLE


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", "{}", '{"requestContext": {}}', json.dumps(message(KinesisBatchInfo={}))],
)
def test_what_is_no_such_message_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError):
        read(text)


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError):
        read(text)


def test_the_same_range_counts_once_other_streams_do_not_and_they_come_in_order() -> None:
    texts = [json.dumps(message(first=n)) for n in (1000, 900, 900)]
    found, others = told([*texts, "x", json.dumps(message(stream=STREAM + "2"))], STREAM)
    assert [one.first for one in found] == ["900", "1000"]
    assert others == 2


# --- records -------------------------------------------------------------------------------------

ONE = read(json.dumps(message()))
AT = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_record_is_handed_over_as_the_mapping_does_it() -> None:
    answer = {
        "SequenceNumber": "100",
        "PartitionKey": "k",
        "Data": b"\x00\xff",
        "ApproximateArrivalTimestamp": AT,
    }
    record = kinesis_record(ONE, answer)
    assert base64.b64decode(record["kinesis"]["data"]) == b"\x00\xff"
    assert (record["eventSource"], record["awsRegion"]) == ("aws:kinesis", "us-east-2")
    assert record["eventID"] == "shardId-000000000001:100"
    assert sequence_of(record) == 100


def test_a_tables_record_is_plain_json() -> None:
    image = {"pk": {"B": b"\x01"}, "n": {"NS": {"1"}}}
    answer = {"dynamodb": {"SequenceNumber": "7", "ApproximateCreationDateTime": AT, "New": image}}
    record = table_record(ONE, answer)
    assert sequence_of(json.loads(json.dumps(record))) == 7


def records(count: int, size: int = 10) -> list[dict[str, Any]]:
    return [{"kinesis": {"sequenceNumber": str(n), "data": "x" * size}} for n in range(count)]


@given(st.integers(0, 60), st.integers(1, 12))
def test_batches_keep_the_order_lose_nothing_and_are_no_larger_than_the_mappings(
    count: int, most: int
) -> None:
    made = list(batches(records(count), most))
    assert [r for batch in made for r in batch] == records(count)
    assert all(1 <= len(batch) <= most for batch in made)


def test_a_batch_fits_into_one_invocation() -> None:
    assert [len(batch) for batch in batches(records(5, 2_500_000), 10)] == [2, 2, 1]


@given(st.integers(1, 40), st.data())
def test_the_record_that_fails_is_found_by_halves(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(0, count - 1))
    tries: list[int] = []

    def fails(some: Sequence[Mapping[str, Any]]) -> bool:
        tries.append(len(some))
        return any(sequence_of(record) == bad for record in some)

    found = failing(records(count), fails)
    assert found is not None
    assert sequence_of(found) == bad
    assert len(tries) <= 1 + count.bit_length()


def test_where_nothing_fails_nothing_is_found() -> None:
    assert failing(records(8), lambda _: False) is None


@pytest.mark.parametrize(
    ("answer", "sequence"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param("", None, id="an empty text"),
        pytest.param({"batchItemFailures": []}, None, id="an empty list"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "7"}, {"itemIdentifier": "5"}]}, 5),
        pytest.param({"batchItemFailures": [{"itemIdentifier": ""}]}, 0, id="an empty identifier"),
        pytest.param({"batchItemFailures": [{"wrong": "7"}]}, 0, id="a wrong key"),
    ],
)
def test_a_partial_batch_response_says_from_where_it_fails(
    answer: object, sequence: int | None
) -> None:
    assert first_failure(answer) == sequence


def test_a_range_is_named_alike_by_every_message_about_it() -> None:
    again = GivenUp(*ONE[:6], condition="RecordAgeExceeded")
    assert again.key == ONE.key
