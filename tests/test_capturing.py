"""What was given up is kept before it expires, where the policy allows it."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from remediator.errors import PermanentError, RemediatorError
from remediator.model import SourceKind
from remediator.policy import Capture, Policy
from remediator.ports import Kept
from remediator.render.incidents import said
from remediator.state import Captured, IncidentState
from tests.lives import BOUNDED, alarmed, started, state_of
from tests.small_account import Author, Weather
from tests.small_lambda import Fault, Host, Kind

ALLOWED = BOUNDED.model_copy(update={"capture": Capture(enabled=True)})


def message(host: Host, first: int, **more: Any) -> str:
    """What the mapping sends to the queue, given up just now."""
    target = host.account.pipelines["orders"].target
    said = {
        "requestContext": {
            "functionArn": f"{target.function_arn}:$LATEST",
            "condition": "RetryAttemptsExhausted",
        },
        "timestamp": host.now.isoformat(),
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": str(first),
            "endSequenceNumber": str(first + 2),
            "approximateArrivalOfFirstRecord": (host.now - timedelta(minutes=10)).isoformat(),
            "batchSize": 3,
            "streamArn": target.source_arn,
        },
    }
    return json.dumps(said | more)


class Keeper:
    """The queue and the bucket; what the bucket holds it counts."""

    def __init__(self) -> None:
        self.queue: list[str] = []
        self.kept: list[str] = []
        self.error: RemediatorError | None = None
        self.looked = 0

    def messages(self) -> tuple[str, ...]:
        self.looked += 1
        return tuple(self.queue)

    def keep(self, incident_id: str, message: str, kind: SourceKind, limits: Capture) -> Kept:
        if self.error:
            raise self.error
        self.kept.append(message)
        return Kept(records=3)


def bounded(policy: Policy = ALLOWED) -> tuple[Host, Keeper, str]:
    """A host whose incident has bounded the retries of a poison record."""
    host = started(Weather.POISON, policy)
    host.keeper = keeper = Keeper()
    incident = alarmed(host)
    for _ in range(60):
        if any(tracked.endangers for tracked in state_of(host, incident).in_effect):
            return host, keeper, incident
        host.pass_time(60)
    raise AssertionError("no retries were bounded")


def looked_again(host: Host, incident: str) -> IncidentState:
    """The incident after looks that had time to see what was given up."""
    host.pass_time(300)
    return state_of(host, incident)


def test_it_is_off_unless_the_policy_says_otherwise() -> None:
    host, keeper, incident = bounded(BOUNDED)
    keeper.queue = [message(host, 100)]
    looked_again(host, incident)
    assert (keeper.looked, keeper.kept) == (0, [])


def test_what_was_given_up_is_kept_once_journalled_before_and_after_and_told() -> None:
    host, keeper, incident = bounded()
    keeper.queue = [message(host, 200), message(host, 100), message(host, 100)]
    state = looked_again(host, incident)
    assert [
        json.loads(each)["KinesisBatchInfo"]["startSequenceNumber"] for each in keeper.kept
    ] == [
        "100",
        "200",
    ]
    assert [(each.first, each.records) for each in state.captured] == [("100", 3), ("200", 3)]
    written = [entry.data for entry in host.journal.entries(incident)]
    first = next(n for n, data in enumerate(written) if "capturing" in data)
    assert first < next(n for n, data in enumerate(written) if "captured" in data)
    lines = [said(entry) for entry in host.journal.entries(incident)]
    assert "capturing shardId-000000000000 from 100; shardId-000000000000 from 200" in lines
    each = [f"shardId-000000000000 from {first}, 3 records" for first in (100, 200)]
    assert f"captured {'; '.join(each)}" in lines
    assert f"6 given-up records are kept: s3://captured/{incident}/" in host.reports[-1].notes


def _another_stream(host: Host) -> str:
    bills = host.account.pipelines["bills"].target
    info = json.loads(message(host, 100))["KinesisBatchInfo"] | {"streamArn": bills.source_arn}
    return message(host, 100, KinesisBatchInfo=info)


def _another_function(host: Host) -> str:
    arn = host.account.pipelines["bills"].target.function_arn
    return message(host, 100, requestContext={"functionArn": arn})


NOT_OURS: Mapping[str, Callable[[Host], str]] = {
    "no message": lambda _: "no message",
    "another stream's": _another_stream,
    "another function's": _another_function,
    "of before the incident": lambda host: message(
        host, 100, timestamp=(host.now - timedelta(days=1)).isoformat()
    ),
}


@pytest.mark.parametrize("whose", NOT_OURS)
def test_what_is_of_somebody_else_or_of_before_is_left_alone(whose: str) -> None:
    host, keeper, incident = bounded()
    keeper.queue = [NOT_OURS[whose](host)]
    assert looked_again(host, incident).captured == ()
    assert keeper.looked > 0


def test_what_cannot_be_fetched_is_told_with_the_reason_and_when_it_expires_and_tried_again() -> (
    None
):
    host, keeper, incident = bounded()
    keeper.queue, keeper.error = [message(host, 100)], PermanentError("denied")
    told = host.now - timedelta(minutes=10) + timedelta(hours=24)
    state = looked_again(host, incident)
    assert [(each.records, each.because) for each in state.captured] == [(0, "denied")]
    [note] = [note for note in host.reports[-1].notes if "captured" in note]
    assert "denied" in note
    assert f"expires at {told:%F %R} UTC" in note
    keeper.error = None
    assert [each.records for each in looked_again(host, incident).captured] == [3]


def test_one_look_fetches_no_more_than_the_policy_allows_and_the_next_goes_on() -> None:
    few = Capture(enabled=True, ranges_per_look=2)
    host, keeper, incident = bounded(BOUNDED.model_copy(update={"capture": few}))
    keeper.queue = [message(host, 100 * n) for n in range(1, 6)]
    looks = keeper.looked
    while len(state_of(host, incident).captured) < 5:
        host.pass_time(60)
    assert keeper.looked - looks >= 3


def test_a_death_at_any_call_keeps_it_all_the_same_and_never_ends_the_looks() -> None:
    for at in range(1, 36, 5):
        host, keeper, incident = bounded()
        keeper.queue = [message(host, 100)]
        host.pass_time(200, Fault(Kind.CRASH_BEFORE, at))
        host.pass_time(1800)
        assert [each.records for each in state_of(host, incident).captured] == [3], at


@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ("arn:aws:s3:::failed", "holds the records themselves"),
        ("arn:aws:sns:eu-west-1:111122223333:failed", "only the stack's own queue"),
        ("arn:aws:sqs:eu-west-1:111122223333:theirs", "only the stack's own queue"),
    ],
)
def test_what_goes_elsewhere_is_not_looked_into_and_that_is_told(
    destination: str, said: str
) -> None:
    host, keeper, incident = bounded()
    host.pass_time(60)
    kind = next(key for key in host.account.pipelines["orders"].settings if "destination" in key[1])
    host.account.pipelines["orders"].settings[kind].set(destination, Author.HUMAN)
    keeper.looked = 0
    looked_again(host, incident)
    assert keeper.looked == 0
    assert any(said in note for report in host.reports for note in report.notes)


def test_a_journal_of_before_knows_of_nothing_captured() -> None:
    host, _, incident = bounded(BOUNDED)
    state = state_of(host, incident)
    old = state.model_dump(mode="json")
    del old["captured"]
    assert IncidentState.model_validate(old).captured == ()


def test_nothing_of_a_record_can_be_remembered() -> None:
    assert set(Captured.model_fields) == {
        "key",
        "shard_id",
        "first",
        "last",
        "records",
        "because",
        "expires_at",
    }
