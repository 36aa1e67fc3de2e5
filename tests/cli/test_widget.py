"""The function as a dashboard's custom widget: what it shows, does at its buttons, and refuses."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from remediator import handler
from remediator.model import Cause, Mode, VerdictName
from remediator.render import widget as drawn
from remediator.state import IncidentState
from remediator.wiring import Runtime
from tests.aws.aws_world import ACCOUNT, NOW, REGION
from tests.cli.clerk import JOURNAL, ROLE, Pipeline
from tests.fuzz.mutating import HOSTILE
from tests.test_template import RESOURCES, properties, written_out

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator"
# As the CloudWatch User Guide has it, "Details about custom widgets".
CONTEXT = {
    "dashboardName": "orders-remediator",
    "widgetId": "widget-1",
    "accountId": ACCOUNT,
    "theme": "light",
    "params": {},
    "forms": {"all": {}},
    "width": 588,
    "height": 369,
}


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.actions: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag == "cwdb-action":
            self.actions.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["cwdb-action"] and self.actions[-1][1] == "":
            self.actions[-1] = (self.actions[-1][0], data)
        elif self.tags[-1:] != ["style"]:
            self.text += data + " "


@pytest.fixture
def dashboard(slow: Pipeline) -> Iterator["Dashboard"]:
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, slow.aws.session
    yield Dashboard(slow)
    boto3.DEFAULT_SESSION = before


class Dashboard:
    """Whoever looks at it."""

    def __init__(self, slow: Pipeline) -> None:
        self.at = slow
        self.mode = "apply"
        self.target = "consumer"

    def asks(self, later: timedelta = timedelta(), **asked: Any) -> Any:
        """What the function returns to the dashboard."""
        environ = {
            "REMEDIATOR_MODE": self.mode,
            "REMEDIATOR_TARGET_FUNCTION": self.target,
            "REMEDIATOR_JOURNAL_TABLE": JOURNAL,
            "REMEDIATOR_FOLLOW_UP_ROLE_ARN": ROLE,
        }
        runtime = Runtime(environ, lambda: NOW + later, lambda _: None)
        who = SimpleNamespace(
            aws_request_id="r", invoked_function_arn=ARN, function_name="remediator"
        )
        return handler.serve({**asked, "widgetContext": CONTEXT}, who, runtime)

    def sees(self, **asked: Any) -> Seen:
        return Seen(self.asks(**asked))

    def clicks(self, label: str, seen: Seen) -> Seen:
        """What comes back when a button is chosen, and the question is answered with yes."""
        (asked,) = [told for of, told in seen.actions if label.lower() in json.loads(told) and of]
        return self.sees(**json.loads(asked))


@pytest.fixture
def acted(slow: Pipeline) -> str:
    answer = slow.act("apply", "--function", "consumer", "--yes")
    found = re.search(r"inc-[0-9a-f]{20}", answer.stdout)
    assert (slow.factor(), found is not None) == (8, True)
    return found[0] if found else ""


def test_it_says_what_it_is(dashboard: Dashboard) -> None:
    assert dashboard.asks(describe=True) == {"markdown": drawn.MANUAL}


def test_with_nothing_open_it_says_so(dashboard: Dashboard) -> None:
    seen = dashboard.sees()
    assert "No incident is open." in seen.text
    assert seen.actions == []


def test_an_open_incident_shows_its_path_what_is_in_effect_and_undo(
    dashboard: Dashboard, acted: str
) -> None:
    seen = dashboard.sees()
    assert "consumer: slow consumer" in seen.text
    assert acted in seen.text
    assert "Is the capacity too small: lanes always busy, or batches always full? yes" in seen.text
    assert "1 → 8" in seen.text
    ((how, asked),) = seen.actions
    assert json.loads(asked) == {"rollback": acted}
    assert (how["action"], how["endpoint"]) == ("call", ARN)
    assert str(how["confirmation"]).startswith("Put back what is in effect of consumer?")


def test_looking_changes_nothing(dashboard: Dashboard, acted: str) -> None:
    dashboard.at.aws.calls.clear()
    dashboard.sees()
    assert (dashboard.at.writes(), dashboard.at.factor(), acted != "") == ([], 8, True)


def test_undo_puts_back_and_shows_what_was_done(dashboard: Dashboard, acted: str) -> None:
    seen = dashboard.clicks("rollback", dashboard.sees())
    assert dashboard.at.factor() == 1
    assert f"{acted}: rolled back" in seen.text
    assert "No incident is open." in seen.text
    told = dashboard.at.act("report", acted).stdout
    assert "somebody at a CloudWatch dashboard" in " ".join(told.split())


def test_approve_makes_exactly_the_plan_that_was_shown(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    asks = tmp_path / "ask.yml"
    asks.write_text("remedies: {raise_parallelization_factor: {autonomy: approve}}\n")
    dashboard.at.act("apply", "--function", "consumer", "--yes", "--policy", asks)
    assert dashboard.at.factor() == 1
    seen = dashboard.sees()
    assert "waits for approval" in seen.text
    dashboard.clicks("approve", seen)
    assert dashboard.at.factor() == 8


def test_a_plan_that_was_not_the_one_shown_is_not_made(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    asks = tmp_path / "ask.yml"
    asks.write_text("remedies: {raise_parallelization_factor: {autonomy: approve}}\n")
    answer = dashboard.at.act("apply", "--function", "consumer", "--yes", "--policy", asks)
    which = re.findall(r"inc-[0-9a-f]{20}", answer.stdout)[0]
    seen = dashboard.sees(approve=which, plan="0123456789ab")
    assert "nothing is made" in seen.text
    assert dashboard.at.factor() == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"function": "consumer"},
        {"freeze": "all"},
        {"unfreeze": "all"},
        {"follow_up": "inc-0123456789abcdef0123"},
        {"mode": "apply", "function": "consumer"},
        {"rollback": "inc-0123456789abcdef0123", "mode": "apply"},
        {"rollback": "../../x"},
        {"approve": ["inc-0123456789abcdef0123"]},
        {"Records": []},
        {"anything": "else"},
    ],
    ids=lambda asked: "-".join(asked),
)
def test_what_is_no_approval_and_no_rollback_is_refused_by_the_same_rules(
    dashboard: Dashboard, acted: str, asked: dict[str, Any]
) -> None:
    dashboard.at.aws.calls.clear()
    seen = dashboard.sees(**asked)
    assert (dashboard.at.writes(), dashboard.at.factor()) == ([], 8)
    assert 'class="bad"' in dashboard.asks(**asked)
    assert acted in seen.text


def test_who_asks_cannot_say_who_they_are(dashboard: Dashboard, acted: str) -> None:
    dashboard.sees(rollback=acted, by="the auditor")
    assert "the auditor" not in dashboard.at.act("report", acted).stdout


def test_in_mode_plan_it_says_that_nothing_is_undone(dashboard: Dashboard, acted: str) -> None:
    dashboard.mode = "plan"
    seen = dashboard.sees(rollback=acted)
    assert "Mode plan: nothing is changed, and nothing undone." in seen.text
    assert dashboard.at.factor() == 8


def test_what_another_deployment_watches_is_not_shown(dashboard: Dashboard, acted: str) -> None:
    dashboard.target = "payments-*"
    assert acted not in dashboard.sees().text


def test_a_freeze_is_shown(dashboard: Dashboard) -> None:
    dashboard.at.act("freeze", "--reason", "a release is under way")
    assert "a release is under way" in dashboard.sees().text


@pytest.mark.parametrize("word", [word for word in HOSTILE if "\ud800" not in word])
def test_a_hostile_word_is_shown_and_obeyed_by_nothing(dashboard: Dashboard, word: str) -> None:
    shown = drawn.Shown((), word, f'{ARN}"><script>', Mode.APPLY, NOW, None, word)
    seen = Seen(drawn.page(shown))
    assert set(seen.tags) == {"style", "div"}
    button = Seen(drawn._button(word, {"rollback": word}, word, word))
    assert button.tags == ["a", "cwdb-action"]
    ((how, asked),) = button.actions
    assert json.loads(asked) == {"rollback": word}
    assert set(how) == {"action", "display", "endpoint", "confirmation"}


def test_more_than_a_few_incidents_are_counted_and_not_drawn(
    dashboard: Dashboard, acted: str
) -> None:
    journal = dashboard.at.act("report", acted, "-f", "json").stdout
    state = IncidentState.model_validate(json.loads(journal)["incident"])
    many = tuple(
        state.model_copy(update={"incident_id": f"inc-{n:020x}"}) for n in range(drawn.MOST + 3)
    )
    said = drawn.page(drawn.Shown(many, None, ARN, Mode.APPLY, NOW))
    assert said.count("<h3>") == drawn.MOST
    assert "and 3 more: remediator history --open" in said


# --- the dashboard that holds it -----------------------------------------------------------------

SOURCE = Path(handler.__file__).read_text()


def dashboard_body() -> dict[str, Any]:
    text, values = properties("OperationsDashboard")["DashboardBody"]["Fn::Sub"]
    one = written_out(values["AgeMetrics"]["Fn::If"][1])
    for name, value in {"AgeMetrics": one, "IteratorAgeThresholdSeconds": "60"}.items():
        text = text.replace(f"${{{name}}}", str(value))
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_dashboard_is_made_only_where_it_is_asked_for() -> None:
    assert RESOURCES["OperationsDashboard"]["Condition"] == "HasDashboard"


def test_the_dashboard_asks_the_function_for_its_first_widget() -> None:
    (custom,) = [one for one in dashboard_body()["widgets"] if one["type"] == "custom"]
    assert custom["properties"]["endpoint"] == "${RemediatorFunction.Arn}"
    assert custom["properties"].get("params") is None


def test_every_metric_of_the_dashboard_is_one_that_the_function_publishes() -> None:
    drawn_ = [
        metric
        for one in dashboard_body()["widgets"]
        for metric in one["properties"].get("metrics", [])
    ]
    own = {metric[1] for metric in drawn_ if metric[0] == handler.NAMESPACE}
    assert all(
        metric[2:4] == ["service", handler.SERVICE]
        for metric in drawn_
        if metric[0] == handler.NAMESPACE
    )
    assert {name for name in own if name.startswith("Cause_")} == {f"Cause_{c}" for c in Cause}
    assert {name for name in own if name.startswith("Verdict_")} == (
        {f"Verdict_{v}" for v in VerdictName}
    )
    plain = {name for name in own if "_" not in name}
    assert plain == set(re.findall(r'(?:name=|\()"([A-Z][a-z]\w+)"', SOURCE))


def test_no_widget_of_the_dashboard_lies_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    for one in dashboard_body()["widgets"]:
        cells = {
            (one["x"] + column, one["y"] + row)
            for column in range(one["width"])
            for row in range(one["height"])
        }
        assert not cells & taken
        assert max(column for column, _ in cells) < 24
        taken |= cells


def test_the_age_is_searched_for_where_a_stack_watches_many() -> None:
    _, values = properties("OperationsDashboard")["DashboardBody"]["Fn::Sub"]
    ((metric,),) = json.loads(values["AgeMetrics"]["Fn::If"][2])
    assert metric["expression"].startswith("SEARCH('{AWS/Lambda,FunctionName}")


def test_an_alarms_answer_does_not_wait_for_the_widget() -> None:
    asked = "import sys, remediator.handler; print([m for m in sys.modules if 'widget' in m])"
    answer = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
