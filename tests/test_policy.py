"""The policy file: what it means, and how a wrong one is refused."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from remediator.errors import InputError
from remediator.model import Mode, RemedyName
from remediator.policy import Autonomy, Policy, RestoreTo
from remediator.policy_file import load, parse

FILE = Path(__file__).parent.parent / "policies" / "guardrails.yml"
NO_TAGS: dict[str, str] = {}


# --- the file that comes with the product ------------------------------------------------------


def test_the_shipped_file_says_the_defaults_and_only_plans() -> None:
    shipped = load(FILE)
    assert shipped.model_copy(update={"remedies": {}}) == Policy()
    assert set(shipped.remedies) == set(RemedyName) - {RemedyName.ESCALATE}
    assert all(remedy == Policy().remedy(name) for name, remedy in shipped.remedies.items())
    assert shipped.mode is Mode.PLAN


def test_what_costs_money_or_may_surprise_the_function_is_asked_for_unless_said_otherwise() -> None:
    assert {name for name in RemedyName if Policy().remedy(name).autonomy is Autonomy.APPROVE} == {
        RemedyName.RAISE_MEMORY,
        RemedyName.RAISE_BATCH_SIZE,
        RemedyName.RESERVE_CONCURRENCY,
        RemedyName.ENHANCED_FAN_OUT,
    }
    counted = parse("remedies: {raise_memory: {per_target: 1}}")
    assert counted.remedy(RemedyName.RAISE_MEMORY).autonomy is Autonomy.APPROVE
    freed = parse("remedies: {raise_memory: {autonomy: auto}}")
    assert freed.remedy(RemedyName.RAISE_MEMORY).autonomy is Autonomy.AUTO


def test_the_shipped_file_spells_out_every_field() -> None:
    assert set(fields_of(Policy)) <= set(keys_of(yaml.safe_load(FILE.read_text())))


def test_every_field_of_the_shipped_file_has_a_comment_above_it() -> None:
    lines = FILE.read_text().splitlines()
    settings_at = [at for at, line in enumerate(lines) if is_setting(line)]
    assert len(settings_at) > 60
    assert not [lines[at] for at in settings_at if not lines[at - 1].lstrip().startswith("# ")]


@pytest.mark.parametrize(
    "mentioned",
    ["downstream_alarms: [", "maintenance_windows:\n", "overrides:\n"],
    ids=["downstream alarms", "maintenance windows", "overrides"],
)
def test_the_examples_in_the_shipped_files_comments_are_right(mentioned: str) -> None:
    commented = FILE.read_text().split(f"# {mentioned}")[1].split("\n\n")[0]
    kept = [line.removeprefix("# ") for line in commented.splitlines() if line.startswith("# ")]
    first = commented.splitlines()[0] if not mentioned.endswith("\n") else ""
    text = mentioned + first + "\n" + "\n".join(kept)
    assert parse(text) != Policy()


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of a model's fields; sections are entered, lists and mappings are not."""
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields_of(field.annotation, f"{prefix}{name}.")


def keys_of(value: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys in nested mappings."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield prefix + key
        yield from keys_of(inner, f"{prefix}{key}.")


def is_setting(line: str) -> bool:
    """Whether a line of the file sets something."""
    return ":" in line and not line.lstrip().startswith("#")


# --- wrong files -------------------------------------------------------------------------------

WRONG = {
    "unknown field": (
        "mode: plan\nmoed: apply\n",
        "p:2: moed: unknown setting; known here: .*mode",
    ),
    "unknown field in a section": (
        "limits:\n  shards: 8\n  shard: 8\n",
        "p:3: limits.shard: unknown setting; known here: batch_size, .*paralleliz.*shards",
    ),
    "word that is not allowed": (
        "mode: enforce\n",
        "p:1: mode: Input should be 'plan' or 'apply', got 'enforce'",
    ),
    "number beyond AWS's": (
        "\nlimits:\n  parallelization_factor: 11\n",
        "p:3: limits.parallelization_factor: Input should be less than or equal to 10, got 11",
    ),
    "text for a number": (
        "budget: {per_target: many}\n",
        "p:1: budget.per_target: Input should be a valid integer.*got 'many'",
    ),
    "switch for a number": (
        "limits:\n  shards: yes\n",
        "p:2: limits.shards: Input should be a value, not a switch such as yes.*got True",
    ),
    "section without fields": (
        "limits:\nmode: plan\n",
        "p:1: limits: Input should be settings by name; leave it out for the defaults, got None",
    ),
    "unknown remedy": (
        "remedies:\n  split_shard: {autonomy: auto}\n",
        "p:2: remedies.split_shard: Input should be 'raise_parallelization_factor', .* or 'esc",
    ),
    "unknown field of a remedy": (
        "remedies:\n  split_shards:\n    autonomie: auto\n",
        "p:3: remedies.split_shards.autonomie: unknown setting; known here: autonomy, cooldown_",
    ),
    "unknown autonomy": (
        "remedies: {split_shards: {autonomy: on}}\n",
        "autonomy: Input should be 'auto', 'approve' or 'off', got True",
    ),
    "time of day without quotes": (
        "maintenance_windows:\n  - name: night\n    start: 10:00\n    end: '12:00'\n",
        'p:3: maintenance_windows.0.start: Input should be a time of day .*, such as "22:00"',
    ),
    "time of day that is a number in quotes": (
        "maintenance_windows: [{name: night, start: '600', end: '12:00'}]\n",
        "maintenance_windows.0.start: Input should be a time of day",
    ),
    "time of day with a time zone": (
        "maintenance_windows: [{name: night, start: '10:00Z', end: '12:00'}]\n",
        "maintenance_windows.0.start: Input should be a time of day",
    ),
    "empty window": (
        "maintenance_windows: [{name: night, start: '10:00', end: '10:00'}]\n",
        "p:1: maintenance_windows.0: start and end should differ",
    ),
    "unknown day": (
        "maintenance_windows:\n- {name: a, start: '10:00', end: '11:00', days: [mon, today]}\n",
        "p:2: maintenance_windows.0.days: Input should be of mon, tue, .*; today is not",
    ),
    "window without a name": (
        "maintenance_windows:\n- {start: '10:00', end: '11:00'}\n",
        "p:2: maintenance_windows.0.name: Field required",
    ),
    "unknown field in an override": (
        "overrides:\n- match: {function: a}\n  set:\n    limits:\n      foo: 1\n",
        "p:5: overrides.0.set.limits.foo: unknown setting; known here: batch_size, ",
    ),
    "wrong value in the second override": (
        """overrides:
- {match: {stream: a}, set: {mode: plan}}
- match: {stream: b}
  set:
    budget:
      per_target: 0
""",
        "p:6: overrides.1.set.budget.per_target: Input should be greater than or equal to 1, got 0",
    ),
    "override of everything": (
        "overrides:\n- match: {}\n  set: {mode: plan}\n",
        "p:2: overrides.0.match: match needs a function, a stream or tags",
    ),
    "override in an override": (
        "overrides:\n- match: {stream: a}\n  set: {overrides: []}\n",
        "p:3: overrides.0.set: overrides cannot set overrides",
    ),
    "key that stands twice": (
        "mode: plan\nfreeze: true\nmode: apply\n",
        "p:3: 'mode' stands here twice, first in line 1",
    ),
    "key that stands twice deep inside": (
        "overrides:\n- match: {stream: a}\n  set:\n    limits: {shards: 1, shards: 100}\n",
        "p:4: 'shards' stands here twice, first in line 4",
    ),
    "not a number": (
        "thresholds: {error_share: .nan}\n",
        "p:1: thresholds.error_share: Input should be a finite number, got nan",
    ),
    "infinity": (
        "budget: {per_account: .inf}\n",
        "p:1: budget.per_account: Input should be a finite number, got inf",
    ),
    "seconds beyond any calendar": (
        "cooldown: {raise_seconds: 100000000000000000000000}\n",
        "p:1: cooldown.raise_seconds: Input should be less than or equal to .*got a huge number",
    ),
    "number of 5000 digits": (f"budget: {{per_target: {'9' * 5000}}}\n", "p: not YAML: Exceeds"),
    "hexadecimal of 5000 digits": (
        f"budget: {{per_target: 0x{'F' * 5000}}}\n",
        "budget.per_target: .*got a huge number",
    ),
    "list": ("\n- mode: plan\n", "p:2: expected settings by name, got \\[{'mode': 'plan'}\\]"),
    "text": ("apply\n", "p:1: expected settings by name, got 'apply'"),
    "number as a key": ("1: 2\n", "p:1: 1: Keys should be strings"),
    "list as a key": ("? [mode]\n: plan\n", "p:1: expected a word as a key"),
    "two documents": ("mode: plan\n---\nmode: apply\n", "p:2: but found another document"),
    "half a list": ("downstream_alarms: [a, b\n", "p:2: expected ',' or ']'"),
    "tab": ("limits:\n\tshards: 2\n", "p:2: found character '\\\\t' that cannot start any token"),
    "anchor": ("limits: &all {shards: 2}\n", "p:1: expected plain values, got an anchor"),
    "alias of itself": ("&a [*a]\n", "p:1: expected plain values, got an anchor"),
    "tag": ("mode: !!bool foo\n", "p:1: expected plain values, got an anchor, an alias or a tag"),
    "too deep": ("[" * 5000, "p:1: nested deeper than 20 levels"),
    "control character": ("mode: \x00\n", "p: not YAML"),
}


@pytest.mark.parametrize(("text", "complaint"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_with_the_line_the_path_and_what_is_allowed(
    text: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        parse(text, "p")


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InputError) as refusal:
        parse("mode: x\nlimits:\n  shards: 0\n  retention_hours: 1\n", "p")
    said = str(refusal.value).splitlines()
    assert [line.split(": ")[:2] for line in said] == [
        ["p:1", "mode"],
        ["p:3", "limits.shards"],
        ["p:4", "limits.retention_hours"],
    ]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"policy file .*none\.yml: No such file"):
        load(tmp_path / "none.yml")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yml"
    path.write_bytes("downstream_alarms: [Zähler]".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.yml: expected UTF-8"):
        load(path)


LINES = st.sampled_from(
    FILE.read_text().splitlines()
    + [line for text, _ in WRONG.values() for line in text.splitlines() if len(line) < 200]
)
SCRAPS = st.lists(LINES | st.text(max_size=30), max_size=12).map("\n".join)


@given(st.text() | SCRAPS)
@example("mode: 0b_")
@example("mode: ._")
@example("mode: 2026-99-99")
@example("mode: 0001-01-01 00:00:00+23:59")
@example("=: 1")
@example("<<: 1")
@example("<<: {mode: apply}")
@example("{{}: 1}")
@example("%YAML 3.0\n---\nmode: plan")
@example("mode: \ud800")
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_text_is_a_policy_or_is_refused(text: str) -> None:
    try:
        found = parse(text)
    except InputError:
        return
    assert Policy.model_validate(found.model_dump(mode="json")) == found


# --- what it means -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n"])
def test_an_empty_file_says_the_defaults(text: str) -> None:
    assert parse(text) == Policy()


def test_off_is_a_word_though_yaml_takes_it_for_a_switch() -> None:
    policy = parse("latest_position: off\nremedies: {split_shards: {autonomy: off}}\n")
    assert policy.latest_position is Autonomy.OFF
    assert policy.remedy(RemedyName.SPLIT_SHARDS).autonomy is Autonomy.OFF
    assert policy.remedy(RemedyName.ISOLATE_POISON).autonomy is Autonomy.AUTO


OVERRIDDEN = """
mode: apply
limits: {shards: 10, retention_hours: 48}
remedies: {isolate_poison: {autonomy: approve}}
overrides:
  - match: {function: "pay-*"}
    set:
      limits: {shards: 2}
      restore: keep
  - match: {stream: clicks, tags: {team: "web*"}}
    set:
      limits: {shards: 4}
      remedies: {split_shards: {autonomy: off}}
"""


@pytest.mark.parametrize(
    ("function", "stream", "tags", "shards", "restore"),
    [
        ("orders", "orders", {}, 10, RestoreTo.PRIOR),
        ("pay-in", "orders", {}, 2, RestoreTo.KEEP),
        ("orders", "clicks", {"team": "web-1"}, 4, RestoreTo.PRIOR),
        ("orders", "clicks", {"team": "data"}, 10, RestoreTo.PRIOR),
        ("orders", "clicks", {}, 10, RestoreTo.PRIOR),
        ("pay-in", "clicks", {"team": "web-1"}, 4, RestoreTo.KEEP),
    ],
)
def test_overrides_that_fit_are_laid_over_the_policy_in_order(
    function: str, stream: str, tags: dict[str, str], shards: int, restore: RestoreTo
) -> None:
    policy = parse(OVERRIDDEN).for_target(function, stream, tags)
    assert (policy.limits.shards, policy.restore) == (shards, restore)
    assert policy.limits.retention_hours == 48
    assert policy.remedy(RemedyName.ISOLATE_POISON).autonomy is Autonomy.APPROVE


@pytest.mark.parametrize("general", Mode)
@pytest.mark.parametrize("special", Mode)
def test_an_override_may_lower_the_mode_but_not_raise_it(general: Mode, special: Mode) -> None:
    text = f"mode: {general}\noverrides: [{{match: {{stream: s}}, set: {{mode: {special}}}}}]"
    lowest = Mode.APPLY if general is special is Mode.APPLY else Mode.PLAN
    assert parse(text).for_target("f", "s", NO_TAGS).mode is lowest
    assert parse(text).for_target("f", "other", NO_TAGS).mode is general


def test_an_override_may_freeze_a_target_but_not_lift_the_freeze_of_all() -> None:
    text = "freeze: {}\noverrides: [{{match: {{stream: s}}, set: {{freeze: {}}}}}]"
    assert parse(text.format("true", "false")).for_target("f", "s", NO_TAGS).freeze
    assert parse(text.format("false", "true")).for_target("f", "s", NO_TAGS).freeze
    assert not parse(text.format("false", "true")).for_target("f", "x", NO_TAGS).freeze


def test_the_digest_tells_policies_apart() -> None:
    assert Policy().digest == parse("mode: plan").digest
    assert Policy().digest != parse("limits: {shards: 2}").digest


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ("start: '10:00', end: '12:00'", "mon 10:00", "mon 12:00"),
        ("start: '10:00', end: '12:00'", "tue 11:59", "tue 09:59"),
        ("start: '10:00', end: '12:00', days: [mon]", "mon 11:00", "tue 11:00"),
        ("start: '22:00', end: '02:00'", "mon 23:00", "mon 02:00"),
        ("start: '22:00', end: '00:00'", "mon 23:59", "tue 00:00"),
        ("start: '22:00', end: '02:00', days: [mon]", "tue 01:00", "mon 01:00"),
        ("start: '22:00', end: '02:00', days: [sun]", "mon 01:00", "mon 23:00"),
    ],
)
def test_a_maintenance_window_covers_its_times_alone(
    window: str, inside: str, outside: str
) -> None:
    (found,) = parse(f"maintenance_windows: [{{name: w, {window}}}]").maintenance_windows
    assert found.covers(moment(inside))
    assert not found.covers(moment(outside))


def moment(day_and_clock: str) -> datetime:
    """A time in a week of November 2026."""
    day, clock = day_and_clock.split()
    date = {"mon": 23, "tue": 24}[day]
    return datetime.fromisoformat(f"2026-11-{date}T{clock}:00+00:00")
