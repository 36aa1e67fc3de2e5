"""What a policy cannot mean is warned of, each with its line; what it may mean is not."""

from pathlib import Path

import pytest

from remediator import contradictions as room
from remediator import plain_yaml
from remediator.contradictions import FOR_ALL, OVERRIDES, RULES
from remediator.policy import Policy

FILE = Path(__file__).parent.parent / "policies" / "guardrails.yml"


def told(text: str) -> list[str]:
    return [str(one) for one in room.contradictions(plain_yaml.read(text, "p"))]


def test_the_shipped_policy_contradicts_itself_nowhere() -> None:
    assert told(FILE.read_text()) == []


@pytest.mark.parametrize("text", ["", "mode: apply\nfreeze: true\n", "budget: {per_target: 1}\n"])
def test_what_somebody_may_well_mean_is_not_warned_of(text: str) -> None:
    assert told(text) == []


ODD = {
    "thresholds: {error_share: 0.5, total_failure_share: 0.4}": "smaller share than that",
    "thresholds: {recent_minutes: 60}": "what counts as now is all that is read",
    "thresholds: {sustained_minutes: 20, metric_window_minutes: 15}": "has to last longer",
    "thresholds: {metric_delay_seconds: 900, metric_window_minutes: 15}": "so late",
    "forecast: {healthy_utilisation: 0.9}": "still counts as at its capacity",
    "forecast: {patience_seconds: 60}": "is over before a changed mapping runs again",
    "limits: {retention_hours: 48}": "extended beyond its limit",
    "first_aid: {expiry_near_seconds: 604800}": "still counts as near",
    "budget: {per_target: 31}": "more changes than the whole account",
    "cooldown: {lower_seconds: 4000}": "longer than the window",
    "follow_up: {first_seconds: 60, soon_seconds: 120}": "sooner than without one",
    "forecast: {usual_restart_seconds: 240}": "longer as a rule",
    "follow_up: {unchanged_after_seconds: 200}": "before it is looked at",
    "follow_up: {first_seconds: 90, unchanged_after_seconds: 100}": "cool-down still blocks it",
    "follow_up: {most: 4}": "looks are used up",
    "maintenance_windows:\n"
    '- {name: a, start: "08:00", end: "20:00"}\n'
    '- {name: b, start: "20:00", end: "08:00"}': "no minute of the week",
    "mode: apply\nremedies:\n"
    "  raise_parallelization_factor: {autonomy: off}\n"
    "  isolate_poison: {autonomy: off}\n"
    "  split_shards: {autonomy: off}\n"
    "  raise_reserved_concurrency: {autonomy: off}\n"
    "  reserve_concurrency: {autonomy: off}\n"
    "  raise_memory: {autonomy: off}\n"
    "  raise_batch_size: {autonomy: off}\n"
    "  lower_batch_size: {autonomy: off}\n"
    "  enhanced_fan_out: {autonomy: off}\n"
    "  extend_retention: {autonomy: off}": "every remedy is off",
    "remedies: {escalate: {autonomy: off}}": "called whatever stands here",
    "remedies: {split_shards: {per_target: 7}}": "one remedy may have more changes",
    "remedies: {split_shards: {cooldown_seconds: 7200}}": "its budget is never used up",
}


@pytest.mark.parametrize(("text", "why"), ODD.items(), ids=ODD.values())
def test_what_cannot_be_meant_is_said_in_words(text: str, why: str) -> None:
    assert [line for line in told(text) if why in line] != []


def test_every_rule_is_broken_by_an_example_above() -> None:
    said = "\n".join(line for text in ODD for line in told(text))
    assert [rule.said for rule in RULES if rule.said not in said] == []


def test_the_line_is_that_of_the_field_that_stands_in_the_file() -> None:
    (line,) = told("mode: plan\nbudget:\n  per_account: 3\n")
    assert line.startswith("p:3: budget.per_target against budget.per_account: one mapping may")
    assert [line[:4] for line in told("mode: plan\n\nbudget: {per_target: 31}\n")] == ["p:3:"]


# --- overrides -------------------------------------------------------------------------------

CANNOT_WORK = {
    "sets nothing": ("", "- {match: {function: a}, set: {}}", "it sets nothing"),
    "raises the mode": ("mode: plan", "- {match: {function: a}, set: {mode: apply}}", "mode plan"),
    "lifts the freeze": (
        "freeze: true",
        "- {match: {function: a}, set: {freeze: false}}",
        "cannot lift the freeze",
    ),
    "names an ARN": (
        "",
        '- {match: {function: "arn:aws:lambda:*:*:function:a"}, set: {mode: plan}}',
        "matched by its bare name",
    ),
    "names an alias": ("", '- {match: {function: "a:live"}, set: {mode: plan}}', "its bare name"),
    "names a stream's ARN": (
        "",
        '- {match: {stream: "arn:aws:kinesis:*:*:stream/a"}, set: {limits: {shards: 3}}}',
        "a stream is matched by its bare name",
    ),
    "comes too late": (
        "",
        "- {match: {function: a}, set: {thresholds: {stale_alarm_minutes: 5}}}",
        "no override reaches",
    ),
    "is set again": (
        "",
        """- {match: {function: a}, set: {limits: {shards: 3}}}
- {match: {function: a}, set: {limits: {shards: 4, retention_hours: 200}}}""",
        "overrides.0: a later override for the same targets sets all of it",
    ),
    "says what holds": (
        "",
        "- {match: {function: a}, set: {limits: {shards: 64}}}",
        "it sets only what holds anyhow",
    ),
}


@pytest.mark.parametrize(("base", "overrides", "why"), CANNOT_WORK.values(), ids=CANNOT_WORK)
def test_an_override_that_cannot_work_is_warned_of(base: str, overrides: str, why: str) -> None:
    assert any(why in line for line in told(f"{base}\noverrides:\n{overrides}\n"))


def test_every_way_in_which_an_override_cannot_work_has_an_example_above() -> None:
    said = "\n".join(
        line
        for base, overrides, _ in CANNOT_WORK.values()
        for line in told(f"{base}\noverrides:\n{overrides}\n")
    )
    assert [rule.said for rule in OVERRIDES if rule.said not in said] == []


@pytest.mark.parametrize(
    "text",
    [
        "overrides:\n- {match: {function: a}, set: {limits: {shards: 3}}}\n",
        "overrides:\n- {match: {function: a}, set: {mode: plan}}\n",
        # the second takes out what the first has set for more
        """overrides:
- {match: {function: 'a*'}, set: {limits: {shards: 3}}}
- {match: {function: ab}, set: {limits: {shards: 64}}}
""",
    ],
    ids=["lowers", "plans", "excepts"],
)
def test_an_override_that_works_is_not(text: str) -> None:
    assert told(f"mode: apply\n{text}") == []


def test_what_an_override_brings_about_is_told_at_its_line() -> None:
    text = "overrides:\n- match: {function: a}\n  set:\n    limits:\n      retention_hours: 30\n"
    (line,) = told(text)
    assert line.startswith("p:5: overrides.0: first_aid.extend_to_hours against limits.retention")


def test_what_no_override_reaches_are_fields_of_the_policy() -> None:
    for dotted in FOR_ALL:
        section, field = dotted.split(".")
        assert field in type(getattr(Policy(), section)).model_fields
