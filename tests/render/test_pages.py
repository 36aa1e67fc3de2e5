"""Record → Page → text, Markdown, annotations: nothing that was decided is left out."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from remediator import wiring
from remediator.cli import app
from remediator.model import (
    Alarm,
    AlarmState,
    ChangeResult,
    ChangeStatus,
    Decision,
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
from remediator.render import github, incidents, markdown, pages, rules, text
from remediator.render.page import Page, Section, Table, Tone
from remediator.state import (
    ChangeState,
    Entry,
    EntryKind,
    Freeze,
    IncidentState,
    Stage,
    TrackedChange,
)
from tests.cli.clerk import UNSET, outside, run
from tests.evidence import BUNDLES, NOW, PIPELINES, QUARANTINE, bundle, slow_consumer, without

INCIDENT = Incident(incident_id="inc-1", at=NOW, watched=Watched(function="orders"))


def planned(name: str, policy: Policy | None = None) -> Report:
    """The offline plan of one of the pipelines."""
    session = wiring.offline(bundle(PIPELINES[name]()), policy or Policy(), QUARANTINE)
    return session.respond(INCIDENT)


def shown(page: Page, width: int = 160) -> str:
    out = StringIO()
    text.write(Console(file=out, width=width, highlight=False), page)
    return out.getvalue()


def flat(page: Page) -> str:
    """All words of a page, wherever they stand."""
    cells = [
        cell
        for section in page.sections
        if section.table
        for row in section.table.rows
        for cell in row
    ]
    lines = [line for section in page.sections for line in (*section.lines, *section.commands)]
    return "\n".join([page.title, *(value for _, value in page.facts), *cells, *lines])


# --- the report --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PIPELINES)
def test_a_report_tells_every_question_ruling_option_and_command(name: str) -> None:
    report = planned(name)
    said = flat(pages.report(report))
    assert report.diagnosis is not None
    for step in report.diagnosis.path:
        assert step.question in said
        assert step.because in said
    for option in report.forecast:
        assert option.option in said
    for change in report.plan.changes:
        assert change.ruling.reason in said
        assert all(caveat in said for caveat in change.caveats)
    assert all(command in said for command in report.next_commands)
    assert report.escalation is None or report.escalation in said


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("width", [40, 80, 160])
def test_text_keeps_within_the_terminal_but_never_breaks_a_command(name: str, width: int) -> None:
    lines = shown(pages.report(planned(name)), width).splitlines()
    commands = [line for line in lines if line.startswith("  $ ")]
    told = [line for line in lines if line not in commands]
    assert all(len(line) <= width or " " not in line.strip() for line in told)
    assert commands[-1] == "  $ aws logs tail /aws/lambda/orders --since 15m --region eu-west-1"


def test_readings_are_cited_when_asked_for() -> None:
    report = planned("throttled")
    assert "throttle_share = 0.75" in flat(pages.report(report, readings=True))
    assert "throttle_share = 0.75" not in flat(pages.report(report))


def test_a_gap_names_the_permission_that_would_close_it() -> None:
    session = wiring.offline(bundle(without(slow_consumer(), "account")), Policy(), None)
    said = flat(pages.report(session.respond(INCIDENT)))
    assert "account" in said
    assert "denied" in said


def test_never_is_not_confused_with_not_known() -> None:
    forecast = planned("overloaded").forecast
    never = next(option for option in forecast if "never" in option.note)
    unknown = never.model_copy(update={"note": "cannot be computed: readings are missing"})
    report = planned("overloaded").model_copy(update={"forecast": (never, unknown)})
    table = next(s.table for s in pages.report(report).sections if s.heading == "Forecast")
    assert table is not None
    assert [row[1] for row in table.rows] == ["never", "not known"]


def test_the_option_that_is_planned_is_marked() -> None:
    said = flat(pages.report(planned("slow-consumer")))
    assert said.count("(planned)") == 1
    assert "parallelization_factor 8 (planned)" in said


def test_the_poison_packet_comes_with_its_commands() -> None:
    page = pages.report(planned("poison"))
    packet = next(s for s in page.sections if s.heading == "The record that fails")
    *_, first, second = packet.commands
    assert first.startswith("ITERATOR=$(aws kinesis get-shard-iterator --stream-arn arn:aws:")
    assert first.endswith("--query ShardIterator --output text --region eu-west-1)")
    assert second.endswith('--region eu-west-1 --shard-iterator "$ITERATOR"')


IN_EFFECT = InEffect(
    resource="event_source_mapping u",
    setting="parallelization_factor",
    before=1,
    after=8,
    since=NOW,
)


def test_what_was_done_says_how_to_undo_it() -> None:
    report = planned("slow-consumer")
    assert report.guarded_plan is not None
    change = report.guarded_plan.plan.changes[0]
    results = (ChangeResult(change=change, status=ChangeStatus.APPLIED),)
    done = report.model_copy(
        update={
            "mode": Mode.APPLY,
            "outcome": Outcome(status=Status.APPLIED, results=results),
            "follow_up": FollowUp(
                decision=FollowUpDecision.WAIT, at=NOW, because="to see whether it helped"
            ),
            "verdict": Verdict(verdict=VerdictName.IMPROVING, because="the age falls"),
            "recovered_in_seconds": 200.0,
            "in_effect": (IN_EFFECT,),
            "remediator": "the-remediator",
        }
    )
    said = flat(pages.report(done))
    undo = "remediator rollback inc-1 --remediator-function the-remediator --region eu-west-1"
    assert undo in said
    assert "parallelization_factor 1 → 8" in dict(pages.report(done).facts)["in effect"]
    assert "Verdict: improving, the age falls." in said
    assert "Recovered 3 min 20 s after the alarm." in said
    assert "Next look: 2026-11-23 12:00:30 UTC. to see whether it helped" in said


def test_a_plan_by_hand_has_no_incident_that_could_be_looked_up() -> None:
    report = planned("slow-consumer")
    assert "incident" not in dict(pages.report(report).facts)
    alarm = Alarm(name="lag", state=AlarmState.ALARM)
    alarmed = report.model_copy(update={"incident": INCIDENT.model_copy(update={"alarm": alarm})})
    facts = dict(pages.report(alarmed).facts)
    assert (facts["incident"], facts["alarm"]) == ("inc-1", "lag")


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_page_and_an_annotation(status: Status) -> None:
    report = Report(incident_id="inc-1", mode=Mode.PLAN, at=NOW, outcome=Outcome(status=status))
    assert status.replace("_", " ") in shown(pages.report(report))
    assert github.annotations(report).startswith("::")


# --- Markdown and annotations ------------------------------------------------------------------


def test_markdown_shows_names_from_outside_as_text() -> None:
    table = Table(("a",), (("x | y\nz",),))
    page = Page("<b> [link](u)", Tone.CALM, (("who", "<i>"),), (Section("h", ("<s>",), table),))
    said = markdown.page(page)
    assert "| x \\| y z |" in said
    assert "&lt;b&gt; \\[link](u)" in said
    assert "<" not in said


@pytest.mark.parametrize("name", PIPELINES)
def test_every_row_of_a_markdown_table_has_the_same_number_of_cells(name: str) -> None:
    blocks = markdown.page(pages.report(planned(name))).split("\n\n")
    for block in (block for block in blocks if block.startswith("| ")):
        counts = {line.replace("\\|", "").count("|") for line in block.strip().splitlines()}
        assert len(counts) == 1


@pytest.mark.parametrize("name", PIPELINES)
def test_annotations_are_one_line_each(name: str) -> None:
    report = planned(name)
    lines = github.annotations(report).splitlines()
    assert len(lines) == 1 + len(report.plan.changes)
    assert all(line.startswith(("::notice ", "::warning ", "::error ")) for line in lines)


def test_annotations_escape_what_would_end_them() -> None:
    report = planned("slow-consumer")
    told = report.model_copy(update={"escalation": "100%\r\nof it"})
    said = github.annotations(told).splitlines()[0]
    assert "100%25%0D%0Aof it" in said


def test_a_plan_that_is_blocked_is_an_error_on_the_pull_request() -> None:
    report = planned("slow-consumer", Policy(freeze=True))
    assert {change.ruling.decision for change in report.plan.changes} == {Decision.BLOCK}
    assert all(line.startswith("::error ") for line in github.annotations(report).splitlines())


# --- names as long as AWS allows, in little room -----------------------------------------------

LONG_FUNCTION = "a-function-whose-name-is-as-long-as-aws-allows-" + "x" * 17
LONG_INCIDENT = "inc-0123456789abcdef0123"


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_a_history_loses_no_character_and_no_column_however_long_the_names(width: int) -> None:
    state = remembered(stage=Stage.WATCHING)
    assert state.target is not None
    named = state.target.model_copy(update={"function": LONG_FUNCTION})
    long = state.model_copy(update={"target": named, "incident_id": LONG_INCIDENT})
    said = shown(incidents.incidents([long, long], "of all"), width)
    words = [word.rstrip(":") for word in said.split()]
    for word in (LONG_FUNCTION, LONG_INCIDENT, "opened", "effect", "bisect_on_error"):
        assert word in words
    assert words.count(LONG_INCIDENT) == 2


def test_a_table_that_fits_stands_in_columns_and_one_that_does_not_row_by_row() -> None:
    table = Table(("id", "told"), (("abc", "two words"), ("d", "")))
    page = Page("t", sections=(Section("", table=table),))
    assert "  id   told" in shown(page, 80)
    long = Table(("id", "told"), (("x" * 30, "y" * 30), ("z" * 30, "")))
    said = shown(Page("t", sections=(Section("", table=long),)), 50)
    assert [line.split() for line in said.splitlines()[2:]] == [
        ["id", "x" * 30],
        ["told", "y" * 30],
        [],
        ["id", "z" * 30],
    ]


def test_the_width_of_a_pipe_may_be_said() -> None:
    words = ("explain", "--evidence", BUNDLES / "poison.json")
    assert max(map(len, run(*words).stdout.splitlines())) > 100
    narrow = CliRunner().invoke(
        app, [*map(str, words)], obj=outside(), env=UNSET | {"COLUMNS": "80"}
    )
    lines = [line for line in narrow.stdout.splitlines() if not line.startswith("  $ ")]
    assert max(map(len, lines)) <= 80


# --- incidents ---------------------------------------------------------------------------------


def remembered(**fields: Any) -> IncidentState:
    report = planned("poison")
    assert report.guarded_plan is not None
    tracked = TrackedChange(
        change=report.guarded_plan.plan.changes[0], state=ChangeState.APPLIED, at=NOW
    )
    return IncidentState(
        incident_id="inc-1",
        account_id="111122223333",
        region="eu-west-1",
        incident=INCIDENT,
        target=report.target,
        opened_at=NOW,
        updated_at=NOW,
        diagnosis=report.diagnosis,
        changes=(tracked,),
        **fields,
    )


def entry(kind: EntryKind, **data: Any) -> Entry:
    return Entry(incident_id="inc-1", kind=kind, at=NOW, data=data)


CHANGE = {"setting": "parallelization_factor", "before": 1, "after": 8}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(
            entry(EntryKind.INCIDENT, **INCIDENT.model_dump(mode="json")),
            "by hand: function orders",
            id="by hand",
        ),
        pytest.param(
            entry(EntryKind.INCIDENT, alarm={"name": "lag", "reason": "too old"}),
            "alarm lag: too old",
            id="alarm",
        ),
        pytest.param(
            entry(EntryKind.EVIDENCE, age_seconds=630.4, age_slope=1, hot_shard="s"),
            "age 630 s, slope +1.00 s/s",
            id="evidence",
        ),
        pytest.param(
            entry(EntryKind.DIAGNOSIS, cause="poison_record", detail="isolated"),
            "poison record: isolated",
            id="diagnosis",
        ),
        pytest.param(
            entry(
                EntryKind.RULING,
                change=CHANGE,
                ruling={"decision": "clip", "guardrail": "limit", "reason": "limited to 8"},
            ),
            "clip parallelization_factor 1 → 8: limit, limited to 8",
            id="ruling",
        ),
        pytest.param(
            entry(EntryKind.INTENT, **CHANGE), "parallelization_factor 1 → 8", id="intent"
        ),
        pytest.param(
            entry(EntryKind.UNDONE, **CHANGE, detail="done"),
            "parallelization_factor 1 → 8: done",
            id="undone",
        ),
        pytest.param(entry(EntryKind.OUTCOME, status="rolled_back"), "rolled back", id="outcome"),
        pytest.param(
            entry(EntryKind.VERDICT, verdict="worse", because="errors rose"),
            "worse: errors rose",
            id="verdict",
        ),
        pytest.param(
            entry(EntryKind.FOLLOW_UP, decision="next_rung", because="no better"),
            "next rung: no better",
            id="follow-up",
        ),
        pytest.param(entry(EntryKind.APPROVAL, by="ada"), "by ada", id="approval"),
        pytest.param(entry(EntryKind.APPROVAL), "by hand", id="approval by nobody"),
        pytest.param(entry(EntryKind.NOTE, told="x"), "told x", id="note"),
    ],
)
def test_each_entry_of_the_journal_is_one_line(told: Entry, said: str) -> None:
    assert incidents.said(told) == said


@pytest.mark.parametrize("kind", EntryKind)
def test_no_entry_is_too_strange_to_be_told(kind: EntryKind) -> None:
    assert "\n" not in incidents.said(entry(kind))


def test_an_incident_shows_its_changes_its_timeline_and_what_waits() -> None:
    report = planned("poison")
    waiting = remembered(
        stage=Stage.AWAITING_APPROVAL,
        pending=report.guarded_plan,
        pending_until=NOW + timedelta(hours=1),
    )
    page = incidents.incident(waiting, [entry(EntryKind.OUTCOME, status="awaiting_approval")])
    lasting = "If it should stay: to make it permanent"
    assert [s.heading for s in page.sections] == ["Changes", "Plan that waits", lasting, "Timeline"]
    said = flat(page)
    assert "bisect_on_error" in said
    assert "remediator approve inc-1" in said
    assert "until 2026-11-23 13:00:30 UTC" in said


def test_incidents_are_listed_with_what_is_still_in_effect() -> None:
    page = incidents.incidents([remembered(stage=Stage.WATCHING)], "of orders")
    table = page.sections[0].table
    assert table is not None
    assert table.rows[0][1:] == (
        "inc-1",
        "orders",
        "watching",
        "poison record (isolated)",
        "bisect_on_error on",
    )
    assert incidents.incidents([], "of orders").title == "No incidents of orders"


def test_a_freeze_says_who_and_why() -> None:
    found = Freeze(scope="all", reason="a release is under way", by="ada", at=NOW)
    said = flat(rules.freeze(found, ["all"]))
    assert "ada" in said
    assert "a release is under way" in said
    assert rules.freeze(None, ["all", "orders"]).title == "Not frozen: all or orders"


def test_colours_are_for_terminals_only() -> None:
    page = pages.report(planned("poison"))
    assert "\x1b[" not in shown(page)
    out = StringIO()
    text.write(Console(file=out, width=160, force_terminal=True, color_system="standard"), page)
    assert "\x1b[" in out.getvalue()


def test_markup_in_names_is_shown_and_not_obeyed() -> None:
    assert "[red]orders[/]" in shown(Page("[red]orders[/]", facts=(("a", "[b]x"),)))
