"""The report as one page: it tells everything, opens by itself, and keeps nobody out."""

import re
import subprocess
import sys
from typing import Literal

import pytest

from remediator.decide.tree import TREE
from remediator.drift import drift, template
from remediator.model import Cause
from remediator.render import html, story
from remediator.render.story import Story
from tests.browser import DESK_WIDTH, PHONE_WIDTH, Browser
from tests.evidence import PIPELINES, slow_consumer
from tests.fuzz.mutating import HOSTILE
from tests.render.incidents import LATER, entries, kept, planned, readings, restored

TEMPLATE = """
Resources:
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: orders
      EventSourceArn: arn:aws:kinesis:eu-west-1:111122223333:stream/orders
      BatchSize: 1
"""


def lived(*, stays: bool = False) -> Story:
    """An incident that was remedied; the change went back, or stays."""
    drifted = drift(template(TEMPLATE, "t.yml"), readings())
    return story.of_incident(
        kept() if stays else restored(),
        entries(),
        readings(),
        told_at=LATER,
        late_seconds=60,
        remediator="remediator",
        drifted=drifted,
    )


def plan(pipeline: str) -> Story:
    """The plan of a saved bundle."""
    return story.of_report(planned(pipeline), PIPELINES[pipeline](), late_seconds=60)


def page(told: Story) -> str:
    return html.page(told, TREE)


def words(told: Story) -> str:
    """What the page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page(told)))


# --- what it tells -----------------------------------------------------------------------------


def test_it_marks_the_alarm_each_change_its_end_and_the_recovery_in_their_order() -> None:
    assert [(mark.kind, mark.text) for mark in lived().marks] == [
        ("alarm", "alarm orders-iterator-age"),
        ("change", "parallelization_factor 1 → 8"),
        ("recovered", "seen to have recovered"),
        ("undone", "parallelization_factor 8 → 1, put back"),
    ]


def test_it_tells_the_forecast_against_what_happened() -> None:
    told = lived().foretold
    assert told == ("parallelization_factor 8", 240.0, 185.0)
    assert "foretold 4 min happened 3 min 5 s" in words(lived())


def test_the_path_is_the_one_that_led_to_the_change_with_its_readings() -> None:
    said = words(lived())
    assert "Why: slow consumer" in said
    assert "busy share = 1" in said
    assert "parallelization_factor 8 (chosen)" in said
    assert "policy: within every limit" in said


@pytest.mark.parametrize("stays", [True, False])
def test_the_patch_is_there_in_four_languages_where_something_stays(stays: bool) -> None:
    said = words(lived(stays=stays))
    wanted = (
        "ParallelizationFactor: 8",
        "parallelization_factor = 8",
        "parallelizationFactor: 8,",
        "AWS SAM",
    )
    assert all((part in said) == stays for part in wanted)


def test_it_says_what_the_next_deploy_of_a_template_would_change() -> None:
    said = words(lived(stays=True)).replace("&#39;", "'")
    assert "The template's next deploy would change 2 of 8 settings" in said
    assert "drifted Mapping ParallelizationFactor 1 (not said) 8" in said


def test_the_ages_are_the_journals_where_cloudwatch_has_none_any_more() -> None:
    told = story.of_incident(restored(), entries(), None, told_at=LATER, late_seconds=60)
    assert [age for _, age in told.ages] == [630.0, 20.0]
    assert "the journal, one for each look" in words(told)


def test_what_another_version_wrote_and_nobody_understands_is_left_out() -> None:
    odd = tuple(
        entry.model_copy(update={"data": {"told": {"poison": {"x": 1}}}}) for entry in entries()
    )
    told = story.of_incident(restored(), odd, None, told_at=LATER, late_seconds=None)
    assert "parallelization_factor 1 → 8" in words(told)


def test_a_poison_packet_comes_with_the_commands_that_fetch_it() -> None:
    assert "aws kinesis get-shard-iterator" in words(plan("poison"))
    noted = story.of_incident(restored(), entries("poison"), None, told_at=LATER, late_seconds=None)
    assert "aws kinesis get-shard-iterator" in words(noted)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_each_plan_lights_its_own_path_and_cause(pipeline: str) -> None:
    told = plan(pipeline)
    made = page(told)
    assert told.diagnosis is not None
    asked = len([step for step in told.diagnosis.path if step.id in TREE])
    assert made.count('class="way lit"') == asked
    assert made.count('<g class="end lit">') == 1
    assert made.count('<g class="end') == len(_causes())


def _causes() -> set[Cause]:
    ends = [end for q in TREE.values() for end in (q.yes, q.no, q.unseen)]
    return {end.cause for end in ends if not isinstance(end, str)}


@pytest.mark.parametrize("word", HOSTILE)
def test_what_is_named_oddly_stays_text(word: str) -> None:
    report = planned("slow-consumer")
    assert report.target is not None
    odd = report.model_copy(
        update={
            "escalation": word + "<b>&",
            "target": report.target.model_copy(update={"function": word}),
        }
    )
    made = page(story.of_report(odd, slow_consumer(), late_seconds=60))
    assert "<b>" not in made
    assert "<script" not in made
    assert "\x1b" not in made


def test_without_jinja2_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['jinja2'] = None; from remediator.cli import main; "
        "sys.argv = ['remediator', 'report', '--evidence', 'tests/bundles/poison.json', "
        "'--html', '-']; main()"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "pip install 'iteratorage-remediator[html]'" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_page_is_small() -> None:
    assert len(page(lived(stays=True)).encode()) < 300_000


# --- in a browser ------------------------------------------------------------------------------

WIDTHS = pytest.mark.parametrize("width", [PHONE_WIDTH, DESK_WIDTH])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@WIDTHS
@SCHEMES
@pytest.mark.parametrize("what", ["lived", "plan"])
def test_it_opens_in_silence_fetches_nothing_fits_and_keeps_nobody_out(
    browser: Browser, width: int, scheme: Literal["light", "dark"], what: str
) -> None:
    told = lived(stays=True) if what == "lived" else plan("poison")
    browser.open(page(told), width=width, scheme=scheme)
    assert browser.complaints == []
    assert browser.fetched == []
    assert browser.barriers() == []
    assert browser.photograph(f"report-{what}-{scheme}-{width}") > 20_000
    browser.ask("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    wide, room = browser.ask(
        "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    )
    assert wide == room <= width


@WIDTHS
def test_the_line_is_drawn_and_each_mark_lies_in_the_chart(browser: Browser, width: int) -> None:
    browser.open(page(lived()), width=width)
    assert browser.ask("return document.querySelector('.line').getTotalLength()") > 0
    assert len(browser.visible(".mark.at")) == 4


def test_text_on_a_phone_is_large_enough_to_read(browser: Browser) -> None:
    browser.open(page(lived()), width=PHONE_WIDTH)
    sizes = browser.ask(
        """return [...document.body.querySelectorAll("*")]
          .filter((e) => e.checkVisibility() && e.textContent.trim() && !e.children.length)
          .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
    )
    assert min(sizes) >= 12
