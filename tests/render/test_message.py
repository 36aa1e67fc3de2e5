"""What somebody reads on a phone at night: one screen for each kind of news, and what it holds."""

import json
import shlex
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command

from remediator.aws.notifier import _machine_part
from remediator.cli import app
from remediator.model import (
    Alarm,
    AlarmState,
    Change,
    ChangeResult,
    ChangeStatus,
    FollowUp,
    FollowUpDecision,
    Incident,
    InEffect,
    Mode,
    Outcome,
    Report,
    Status,
    Verdict,
    VerdictName,
    Watched,
)
from remediator.policy import Policy
from remediator.render.announcing import notice
from remediator.render.forms import LINES, WIDTH
from remediator.render.message import links
from remediator.wiring import offline
from tests.changes import change
from tests.evidence import ACCOUNT, MAPPING, NOW, PIPELINES, REGION, bundle, target
from tests.fuzz.mutating import HOSTILE
from tests.golden import golden
from tests.render.incidents import FORECAST

ALARMED = Incident(
    incident_id="inc-0123456789abcdef0123",
    at=NOW - timedelta(minutes=4),
    account_id=ACCOUNT,
    region=REGION,
    alarm=Alarm(name="orders-iterator-age", state=AlarmState.ALARM),
    watched=Watched(function="orders"),
)
BY_HAND = ALARMED.model_copy(update={"alarm": None})
LANES = change("parallelization_factor", 1, 8)
HELD = InEffect(resource=str(LANES.resource), setting=LANES.setting, before=1, after=8, since=NOW)
SOON = FollowUp(decision=FollowUpDecision.WAIT, at=NOW + timedelta(minutes=3))


def said(pipeline: str, policy: Policy | None = None, **changed: Any) -> Report:
    """A report of one of the pipelines, with some of it changed."""
    found = offline(bundle(PIPELINES[pipeline]()), policy or Policy(), None).respond(BY_HAND)
    here: dict[str, Any] = {"incident": ALARMED, "mode": Mode.APPLY, "account_id": ACCOUNT}
    here["remediator"] = "remediator"
    here["forecast"] = FORECAST if pipeline != "broken-deploy" else found.forecast
    return found.model_copy(update=here | changed)


def made(change: Change, status: ChangeStatus = ChangeStatus.APPLIED, why: str = "") -> Outcome:
    result = ChangeResult(change=change, status=status, detail=why)
    return Outcome(status=Status.APPLIED, results=(result,), at=NOW)


def outcome(status: Status, reason: str, *results: ChangeResult) -> Outcome:
    return Outcome(status=status, reason=reason, results=results, at=NOW)


UNDONE = ChangeResult(change=LANES.inverse(), status=ChangeStatus.APPLIED)
WORSE = "a lane gets less done than before: 0.4 records a second, it was 1.0"


def frozen(scope: str, *, on: bool) -> Report:
    word = "is frozen" if on else "is no longer frozen"
    watched = None if scope == "all" else Watched(function=scope)
    return Report(
        incident_id=f"freeze-{scope}",
        mode=Mode.APPLY,
        at=NOW,
        account_id=ACCOUNT,
        region=REGION,
        remediator="remediator",
        incident=Incident(incident_id=f"freeze-{scope}", at=NOW, watched=watched),
        outcome=outcome(Status.RECORDED, f"{scope} {word}, by ada: a release is under way"),
    )


def news() -> Mapping[str, tuple[Report, str | None]]:
    """One of each kind."""
    recovered = Verdict(verdict=VerdictName.RECOVERED, because="the age is 20 s, below the alarm")
    until = FollowUp(decision=FollowUpDecision.WAIT, at=NOW + timedelta(minutes=15))
    went_back = FollowUp(decision=FollowUpDecision.ROLL_BACK, because=WORSE)
    frozen_reason = "freeze: frozen (all) by ada at 2026-11-23 11:40: a release is under way"
    return {
        "acted": (
            said("slow-consumer", outcome=made(LANES), in_effect=(HELD,), follow_up=SOON),
            None,
        ),
        "planned": (said("poison", mode=Mode.PLAN), None),
        "needs-approval": (
            said("read-contention", outcome=outcome(Status.AWAITING_APPROVAL, _ASKED)),
            None,
        ),
        "escalated": (said("broken-deploy"), None),
        "recovered": (
            said(
                "recovering",
                outcome=outcome(Status.RECORDED, "recovered; restored once it was quiet"),
                verdict=recovered,
                follow_up=until,
                in_effect=(HELD,),
                recovered_in_seconds=185.0,
                forecast_error_seconds=-84.0,
            ),
            "recovered",
        ),
        "rolled-back": (
            said(
                "saturated",
                outcome=outcome(Status.ROLLED_BACK, WORSE, UNDONE),
                follow_up=went_back,
            ),
            None,
        ),
        "restored": (
            said(
                "healthy",
                outcome=outcome(Status.RESTORED, "recovered and quiet for 0:15:00", UNDONE),
                verdict=recovered,
            ),
            None,
        ),
        "failed": (
            said("throttled", outcome=outcome(Status.FAILED, "", NOT_MADE), escalation=_CALLED),
            None,
        ),
        "handed-over": (
            said(
                "slow-consumer",
                outcome=outcome(Status.ESCALATED, f"{_GIVEN_UP}. Still in effect: {_STILL}"),
                in_effect=(HELD,),
                follow_up=SOON,
                escalation=_CALLED,
            ),
            "handed_over",
        ),
        "blocked": (
            said("slow-consumer", outcome=outcome(Status.BLOCKED, frozen_reason)),
            None,
        ),
        "conflict": (
            said(
                "slow-consumer",
                outcome=outcome(
                    Status.CONFLICT,
                    "somebody changed it meanwhile",
                    ChangeResult(
                        change=LANES, status=ChangeStatus.CONFLICT, detail="it is 2, not 1"
                    ),
                ),
            ),
            None,
        ),
        "frozen": (frozen("all", on=True), "frozen"),
        "unfrozen": (frozen("orders", on=False), "unfrozen"),
    }


_GIVEN_UP = "20 looks have not seen it recover: a person should take over"
_STILL = f"parallelization_factor=8 on event_source_mapping {MAPPING} (was 1)"
_CALLED = (
    "The consumer is too slow for what arrives. Make it faster, give it more memory, or larger "
    "batches. Not done: split_shards: the policy does not say that the stream is ours alone."
)
NOT_MADE = ChangeResult(
    change=LANES, status=ChangeStatus.FAILED, detail="lambda:UpdateEventSourceMapping: throttled"
)
_ASKED = (
    "the policy does not say that the stream is ours alone (streams_of_ours): its other consumers "
    "see the shards, and aggregated (KPL) records may lose sub-records"
)

KINDS = sorted(news())


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_news_reads_as_it_was_reviewed(kind: str) -> None:
    """If not, and it is meant: WRITE_GOLDEN=1 pytest tests/render/test_message.py."""
    told = notice(*news()[kind])
    shown = f"Subject: {told.subject}\n\n{told.text}\n"
    assert shown == golden(f"messages/{kind}.txt", shown)
    chat = json.dumps(told.chat, indent=1, ensure_ascii=False) + "\n"
    assert chat == golden(f"messages/{kind}.chat.json", chat)


@pytest.mark.parametrize("kind", KINDS)
def test_each_fits_on_the_screen_of_a_phone(kind: str) -> None:
    lines = notice(*news()[kind]).text.splitlines()
    whole = [line for line in lines if line.startswith(("remediator ", "https://"))]
    assert len(lines) <= LINES
    assert all(len(line) <= WIDTH for line in lines if line not in whole)


@pytest.mark.parametrize("kind", KINDS)
def test_its_commands_are_ones_that_the_command_line_understands(kind: str) -> None:
    """With the deployment and the Region, so that they run as pasted."""
    told = notice(*news()[kind])
    pasted = [line for line in told.text.splitlines()[2:] if line.startswith("remediator ")]
    assert pasted
    for line in pasted:
        _, verb, *words = shlex.split(line)
        command = get_command(app).get_command(None, verb)  # type: ignore[attr-defined]
        command.make_context(verb, list(words), resilient_parsing=False)
        assert words[words.index("--region") + 1] == REGION
        assert words[words.index("--remediator-function") + 1] == "remediator"


def test_a_night_s_message_says_where_since_when_how_far_why_what_and_until_when() -> None:
    text = notice(*news()["acted"]).text
    for part in (
        "Where: orders reads orders (kinesis), 111122223333, eu-west-1",
        "Since: 11:56 UTC, 4 min ago (alarm orders-iterator-age)",
        "Waiting: about 454 records, oldest 10 min 30 s old",
        "Why: slow consumer: a lane is busy all the time",
        "Done: parallelization_factor 1 → 8",
        "Over: in ",
        "In effect: parallelization_factor 1 → 8",
        "Next look: 12:03 UTC",
        "\nUndo:\nremediator rollback inc-0123456789abcdef0123 ",
    ):
        assert part in text


def test_an_approval_names_the_plan_that_was_read() -> None:
    report, kind = news()["needs-approval"]
    assert f"--plan {report.plan.digest} " in notice(report, kind).text


def test_a_recovery_says_how_long_it_took_and_until_when_ours_stays() -> None:
    text = notice(*news()["recovered"]).text
    assert "Took: 3 min 5 s from the alarm, 1 min 24 s sooner than foreseen" in text
    assert "In effect: parallelization_factor 1 → 8, until about 12:15" in text


def test_what_is_too_long_for_the_screen_is_cut_and_all_of_it_is_offered() -> None:
    report, kind = news()["escalated"]
    long = report.model_copy(update={"escalation": "word " * 400, "notes": ("mind " * 200,)})
    text = notice(long, kind).text
    assert len(text.splitlines()) <= LINES
    assert " …" in text
    assert "remediator report inc-" in text


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_whatever_happened_it_fits_and_no_command_or_link_is_left_out(
    pipeline: str, status: Status
) -> None:
    """With everything said at length that a report can say."""
    told = said(
        pipeline,
        outcome=outcome(status, "reason " * 60, UNDONE, NOT_MADE, UNDONE, NOT_MADE),
        in_effect=(HELD,) * 4,
        notes=("note " * 60,),
        escalation="called " * 90,
        follow_up=SOON,
    )
    lines = notice(told).text.splitlines()
    assert len(lines) <= LINES
    assert len([line for line in lines if line.startswith("https://")]) == 2
    assert len([line for line in lines[2:] if line.startswith("remediator ")]) == 3
    for label in ("Where", "Since", "Waiting", "Why", "In effect", "Next look"):
        assert any(line.startswith(f"{label}: ") for line in lines)


@pytest.mark.parametrize("word", HOSTILE)
def test_a_chat_is_told_nothing_that_it_would_obey(word: str) -> None:
    report, _ = news()["escalated"]
    hostile = report.model_copy(
        update={
            "escalation": f"{word} @channel <!here> *b* `c`",
            "outcome": outcome(Status.FAILED, word),
            "region": word,
        }
    )
    told = json.dumps(notice(hostile).chat, ensure_ascii=False)
    content = json.loads(told)["content"]
    prose = "\n".join([content["title"], content["description"]])
    assert "<" not in prose
    assert prose.count("@") == prose.count("\u200b@")
    assert "\n*Where*: " in f"\n{content['description']}"
    assert all(line.startswith("*") for line in content["description"].splitlines())


def test_one_incident_is_one_thread_of_the_chat_and_buttons_find_their_variables() -> None:
    acted, recovered = (notice(*news()[kind]).chat["metadata"] for kind in ("acted", "recovered"))
    assert acted["threadId"] == recovered["threadId"] == ALARMED.incident_id
    assert acted["additionalContext"]["incident"] == ALARMED.incident_id
    assert acted["additionalContext"]["function"] == "orders"


@pytest.mark.parametrize("kind", KINDS)
def test_the_event_is_as_its_schema_says(kind: str) -> None:
    schemas = Path(__file__).parents[2] / "schemas"
    schema = json.loads((schemas / "event.schema.json").read_text())
    told = notice(*news()[kind])
    Draft202012Validator(schema).validate(_machine_part(told))
    long = told.model_copy(update={"detail": {"x": "x" * 200_000}})
    Draft202012Validator(schema).validate(_machine_part(long))


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "eu-west-1.console.amazonaws.cn"),
        ("aws-us-gov", "eu-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_links_lead_to_the_console_of_the_partition(partition: str, host: str) -> None:
    arn = target().function_arn.replace("arn:aws:", f"arn:{partition}:")
    page, log = links(target().model_copy(update={"function_arn": arn}))
    assert page.startswith(f"https://{host}/lambda/home?region=eu-west-1#/functions/orders")
    assert log.endswith("#logsV2:log-groups/log-group/$252Faws$252Flambda$252Forders")
