"""What people are told: who, what, why, where, and commands that run as pasted."""

import shlex
from typing import Any

import pytest

from remediator.evidence.signals import measure
from remediator.model import (
    ChangeResult,
    ChangeStatus,
    Incident,
    Mode,
    Outcome,
    Report,
    SourceKind,
    Status,
    Watched,
)
from remediator.policy import Policy, Thresholds
from remediator.render.announcing import notice, poison_packet
from remediator.wiring import offline
from tests.changes import change
from tests.evidence import NOW, PIPELINES, bundle
from tests.fuzz.mutating import HOSTILE
from tests.fuzz.test_fuzz import harmless_lines

ASKED = Incident(incident_id="inc-1", at=NOW, watched=Watched(function="orders"))
LANES = change("parallelization_factor", 1, 8)


def report(pipeline: str, **changed: Any) -> Report:
    """A plan's report, with some of it changed."""
    found = offline(bundle(PIPELINES[pipeline]()), Policy(), None).respond(ASKED)
    return found.model_copy(update=changed)


def brief(reason: str, **changed: Any) -> Report:
    """A report of something that needed no look."""
    outcome = Outcome(status=Status.RECORDED, reason=reason, at=NOW)
    return Report(
        incident_id="freeze-all",
        mode=Mode.APPLY,
        at=NOW,
        incident=ASKED,
        outcome=outcome,
        **changed,
    )


def test_the_notice_of_a_rollback_says_what_was_rolled_back_and_offers_no_other() -> None:
    undone = ChangeResult(change=LANES.inverse(), status=ChangeStatus.APPLIED)
    target = report("slow-consumer").target
    outcome = Outcome(status=Status.ROLLED_BACK, reason="by ada", results=(undone,), at=NOW)
    told = notice(brief("", target=target).model_copy(update={"outcome": outcome}))
    assert told.subject == "remediator rolled back: orders, by ada"
    assert "Done: parallelization_factor 8 → 1" in told.text
    assert "remediator rollback" not in told.text
    assert "In effect: nothing of ours" in told.text


def test_the_notice_of_a_freeze_says_who_what_and_why() -> None:
    told = notice(brief("all is frozen, by ada: a release is under way"), "frozen")
    assert told.subject == "remediator took note: all is frozen, by ada: a release is under way"
    assert "unknown target" not in told.text
    assert "no diagnosis" not in told.text


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [("broken-deploy", "roll its deploy back"), ("recovering", "cause: recovering")],
)
def test_what_needs_a_person_or_nothing_says_so_and_not_that_the_mode_is_plan(
    pipeline: str, said: str
) -> None:
    found = report(pipeline)
    assert found.outcome.status in {Status.ESCALATED, Status.NOTHING_TO_DO}
    assert said in found.outcome.reason
    assert "mode is plan" not in found.outcome.reason


@pytest.mark.parametrize("word", HOSTILE)
def test_a_notice_is_plain_lines_whatever_is_in_it(word: str) -> None:
    outcome = Outcome(status=Status.FAILED, reason=word, at=NOW)
    told = notice(report("slow-consumer", outcome=outcome, escalation=word, notes=(word,)))
    harmless_lines(told.text.replace("::", ":").replace("##[", ""))
    harmless_lines(told.subject.replace("::", ":").replace("##[", ""))


@pytest.mark.parametrize("kind", SourceKind)
@pytest.mark.parametrize(
    "shard", [*(w for w in HOSTILE if "\ud800" not in w), "shardId-000000000000"]
)
def test_the_commands_that_fetch_a_poison_record_quote_what_they_name(
    kind: SourceKind, shard: str
) -> None:
    seen = PIPELINES["poison"]()
    target = seen.target.model_copy(update={"kind": kind})
    shards = tuple(one.model_copy(update={"shard_id": shard}) for one in (seen.shards or ())[:1])
    seen = seen.model_copy(update={"target": target, "shards": shards, "shard_metrics": {}})
    packet = poison_packet(seen, measure(seen, Thresholds()))
    for command in packet.fetch:
        words = shlex.split(command.removeprefix("ITERATOR=$(").removesuffix(")"))
        assert words[:2] == ["aws", "dynamodbstreams" if kind is SourceKind.DYNAMODB else "kinesis"]
        assert words[words.index("--region") + 1] == "eu-west-1"
        assert not {";", "&", "|", "touch"} & set(words)
