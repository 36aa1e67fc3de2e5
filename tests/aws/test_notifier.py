"""News: plain words first, within what AWS takes, and never in the way of the work."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from remediator.aws.notifier import AwsNotifier, message, subject
from remediator.model import Incident
from remediator.ports import Notice
from tests.aws.aws_world import World

TOPIC = "arn:aws:sns:eu-west-1:123456789012:notices"
NOTICE = Notice(
    kind="Remediation Applied",
    subject="consumer: ParallelizationFactor 1 → 10",
    text="The consumer was too slow for its stream.",
    incident=Incident(incident_id="inc-1", at=datetime(2026, 11, 23, tzinfo=UTC)),
    detail={"at": datetime(2026, 11, 23, tzinfo=UTC), "changes": [1]},
)


@pytest.fixture
def notifier(aws: World) -> AwsNotifier:
    aws.answer("sns:Publish", {"MessageId": "1"})
    aws.answer("events:PutEvents", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
    return AwsNotifier(aws.clients, TOPIC)


def entry(aws: World) -> dict[str, Any]:
    (one,) = aws.params_of("events:PutEvents")["Entries"]
    return dict(one)


def test_people_get_plain_words_and_a_chat_its_own_form(aws: World, notifier: AwsNotifier) -> None:
    notifier.notify(NOTICE.model_copy(update={"chat": {"version": "1.0", "source": "custom"}}))
    sent = aws.params_of("sns:Publish")
    assert (sent["TopicArn"], sent["Subject"]) == (
        TOPIC,
        "consumer: ParallelizationFactor 1 10",
    )
    assert sent["MessageStructure"] == "json"
    forms = json.loads(sent["Message"])
    assert forms["default"] == NOTICE.text
    assert json.loads(forms["https"]) == {"version": "1.0", "source": "custom"}


def test_other_systems_get_an_event_of_our_source(aws: World, notifier: AwsNotifier) -> None:
    notifier.notify(NOTICE)
    assert (entry(aws)["Source"], entry(aws)["DetailType"]) == ("remediator", NOTICE.kind)
    detail = json.loads(entry(aws)["Detail"])
    assert detail["detail"] == {"at": "2026-11-23 00:00:00+00:00", "changes": [1]}


def test_without_a_topic_there_is_still_the_event(aws: World) -> None:
    aws.answer("events:PutEvents", {"FailedEntryCount": 0})
    AwsNotifier(aws.clients, None).notify(NOTICE)
    assert aws.operations() == ["events:PutEvents"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", "plain", id="as it is"),
        pytest.param("two\nlines\tand more", "two lines and more", id="one line"),
        pytest.param("Füße", "Fue", id="ASCII"),
        pytest.param("x" * 101, "x" * 97 + "...", id="cut"),
        pytest.param("", "remediator", id="never empty"),
        pytest.param("→", "remediator", id="never empty after all"),
    ],
)
def test_a_subject_is_one_short_line_of_ascii(text: str, expected: str) -> None:
    assert subject(text) == expected


def test_a_detail_that_is_too_long_is_left_out_and_the_news_is_sent(
    aws: World, notifier: AwsNotifier
) -> None:
    long = NOTICE.model_copy(update={"detail": {"readings": "x" * 300_000}})
    notifier.notify(long)
    sent = json.loads(entry(aws)["Detail"])
    assert sent["subject"] == NOTICE.subject
    assert "left_out" in sent["detail"]
    assert json.loads(message(long)) == {"default": NOTICE.text}


@pytest.mark.parametrize(
    "call", ["sns:Publish", "events:PutEvents"], ids=["by SNS", "by EventBridge"]
)
@pytest.mark.parametrize("way", ["denied", "throttled", "unreachable"])
def test_news_that_cannot_be_sent_is_logged_and_counted_and_the_rest_is_sent(
    aws: World, notifier: AwsNotifier, caplog: pytest.LogCaptureFixture, call: str, way: str
) -> None:
    if way == "unreachable":
        aws.break_off(call, EndpointConnectionError(endpoint_url="https://x"))
    else:
        aws.refuse(call, "AccessDenied" if way == "denied" else "Throttling")
    with caplog.at_level(logging.WARNING):
        notifier.notify(NOTICE)
    assert notifier.failed == 1
    assert "Remediation Applied could not be sent" in caplog.text
    assert set(aws.operations()) == {"sns:Publish", "events:PutEvents"}


def test_an_event_that_is_refused_in_the_answer_counts_as_failed(
    aws: World, notifier: AwsNotifier, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "NotAuthorizedForSource"}]}
    aws.answer("events:PutEvents", refused)
    notifier.notify(NOTICE)
    assert notifier.failed == 1
    assert "NotAuthorizedForSource" in caplog.text
