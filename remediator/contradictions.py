"""What a policy says that cannot be meant: values that are allowed one by one, and yet together do
not work. Warnings for who writes the file; nothing that decides looks here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from remediator import plain_yaml
from remediator.errors import Problem
from remediator.model import Mode, RemedyName
from remediator.policy import Autonomy, Override, Policy
from remediator.policy_file import of_document


class Rule(NamedTuple):
    """Fields that contradict each other when ``wrong`` says so, and what comes of it."""

    fields: tuple[str, ...]
    """By dotted path; the first that stands in the file is the place that is shown."""
    wrong: Callable[[Policy], bool]
    said: str


def _nothing_may_act(policy: Policy) -> bool:
    acting = [name for name in RemedyName if name is not RemedyName.ESCALATE]
    off = all(policy.remedy(name).autonomy is Autonomy.OFF for name in acting)
    return policy.mode is Mode.APPLY and off


_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_WEEK = 7 * 24 * 60


def _always_closed(policy: Policy) -> bool:
    minutes = (_MONDAY + timedelta(minutes=n) for n in range(_WEEK))
    return bool(policy.maintenance_windows) and all(
        any(window.covers(minute) for window in policy.maintenance_windows) for minute in minutes
    )


def _more_than_the_general(name: RemedyName, policy: Policy) -> bool:
    return (policy.remedy(name).per_target or 0) > policy.budget.per_target


def _cools_longer_than_it_counts(name: RemedyName, policy: Policy) -> bool:
    return (policy.remedy(name).cooldown_seconds or 0) > policy.budget.window_seconds


# Every pair that can contradict itself. The shipped policy breaks none (a test holds that).
RULES: tuple[Rule, ...] = (
    Rule(
        ("thresholds.error_share", "thresholds.total_failure_share"),
        lambda p: p.thresholds.error_share > p.thresholds.total_failure_share,
        "everything is said to fail at a smaller share than that at which something fails",
    ),
    Rule(
        ("thresholds.recent_minutes", "thresholds.metric_window_minutes"),
        lambda p: p.thresholds.recent_minutes >= p.thresholds.metric_window_minutes,
        "what counts as now is all that is read: nothing is left that shows what is usual",
    ),
    Rule(
        ("thresholds.sustained_minutes", "thresholds.metric_window_minutes"),
        lambda p: p.thresholds.sustained_minutes > p.thresholds.metric_window_minutes,
        "a sign has to last longer than the minutes that are read",
    ),
    Rule(
        ("thresholds.metric_delay_seconds", "thresholds.metric_window_minutes"),
        lambda p: (
            p.thresholds.metric_delay_seconds + 60 * p.thresholds.recent_minutes
            > 60 * p.thresholds.metric_window_minutes
        ),
        "so late, and so many recent minutes, are more than the minutes that are read",
    ),
    Rule(
        ("forecast.healthy_utilisation", "thresholds.busy_share"),
        lambda p: p.forecast.healthy_utilisation > p.thresholds.busy_share,
        "a remedy aims at a utilisation at which the consumer still counts as at its capacity",
    ),
    Rule(
        ("forecast.patience_seconds", "forecast.restart_seconds"),
        lambda p: p.forecast.patience_seconds < p.forecast.restart_seconds,
        "a lag is not waited for that is over before a changed mapping runs again",
    ),
    Rule(
        ("first_aid.extend_to_hours", "limits.retention_hours"),
        lambda p: p.first_aid.extend_to_hours > p.limits.retention_hours,
        "retention is to be extended beyond its limit, and is clipped to that",
    ),
    Rule(
        ("first_aid.expiry_near_seconds", "first_aid.extend_to_hours"),
        lambda p: p.first_aid.expiry_near_seconds >= 3600 * p.first_aid.extend_to_hours,
        "expiry still counts as near when retention has been extended",
    ),
    Rule(
        ("budget.per_target", "budget.per_account"),
        lambda p: p.budget.per_target > p.budget.per_account,
        "one mapping may have more changes than the whole account",
    ),
    Rule(
        ("cooldown.raise_seconds", "budget.window_seconds"),
        lambda p: p.cooldown.raise_seconds > p.budget.window_seconds,
        "a cool-down longer than the window: the budget of one mapping is never used up",
    ),
    Rule(
        ("cooldown.lower_seconds", "budget.window_seconds"),
        lambda p: p.cooldown.lower_seconds > p.budget.window_seconds,
        "a cool-down longer than the window: the budget of one mapping is never used up",
    ),
    Rule(
        ("follow_up.first_seconds", "follow_up.soon_seconds"),
        lambda p: p.follow_up.first_seconds < p.follow_up.soon_seconds,
        "in a storm the first looks come sooner than without one",
    ),
    Rule(
        ("forecast.usual_restart_seconds", "forecast.restart_seconds"),
        lambda p: p.forecast.usual_restart_seconds > p.forecast.restart_seconds,
        "a mapping stands still for longer as a rule than it may at most",
    ),
    Rule(
        ("follow_up.unchanged_after_seconds", "follow_up.first_seconds"),
        lambda p: p.follow_up.unchanged_after_seconds < p.follow_up.first_seconds,
        "a change counts as without effect before it is looked at",
    ),
    Rule(
        ("follow_up.unchanged_after_seconds", "cooldown.raise_seconds"),
        lambda p: p.follow_up.unchanged_after_seconds < p.cooldown.raise_seconds,
        "the next remedy is tried while the cool-down still blocks it",
    ),
    Rule(
        ("follow_up.quiet_seconds", "follow_up.most"),
        lambda p: p.follow_up.most * p.follow_up.every_seconds < p.follow_up.quiet_seconds,
        "all looks are used up before it has been quiet for long enough to put anything back",
    ),
    Rule(
        ("maintenance_windows",),
        _always_closed,
        "together they leave no minute of the week in which anything may be changed",
    ),
    Rule(("mode",), _nothing_may_act, "mode is apply, and every remedy is off"),
    Rule(
        ("remedies.escalate",),
        lambda p: RemedyName.ESCALATE in p.remedies,
        "a person is called whatever stands here",
    ),
    *(
        Rule(
            (f"remedies.{name}.per_target", "budget.per_target"),
            partial(_more_than_the_general, name),
            "one remedy may have more changes than a mapping may have of all of them",
        )
        for name in RemedyName
    ),
    *(
        Rule(
            (f"remedies.{name}.cooldown_seconds", "budget.window_seconds"),
            partial(_cools_longer_than_it_counts, name),
            "a cool-down longer than the window: its budget is never used up",
        )
        for name in RemedyName
    ),
)


# Asked before it is known which target it is about: no override reaches them.
FOR_ALL = (
    "thresholds.metric_window_minutes",
    "thresholds.stale_alarm_minutes",
    "follow_up.soon_seconds",
)


class OverrideRule(NamedTuple):
    """A way in which an override cannot work; ``wrong`` is asked of the policy and its place."""

    wrong: Callable[[Policy, int], bool]
    said: str


def _override(policy: Policy, place: int) -> Override:
    return policy.overrides[place]


def _laid_over(policy: Policy, place: int) -> bool:
    """Whether a later one, for the very same targets, sets all that this one sets."""
    own = _override(policy, place)
    mine = set(_leaves(own.set))
    later = (other for other in policy.overrides[place + 1 :] if other.match == own.match)
    return bool(mine) and any(mine <= set(_leaves(other.set)) for other in later)


def _says_nothing_new(policy: Policy, place: int) -> bool:
    """Whether it sets what holds anyhow; after another one it may set back what that one set."""
    own = _override(policy, place)
    return place == 0 and bool(own.set) and policy.overlaid(own) == policy.overlaid(_nothing(own))


def _nothing(own: Override) -> Override:
    return own.model_copy(update={"set": {}})


def _for_all(policy: Policy, place: int) -> bool:
    return bool(set(FOR_ALL) & set(_leaves(_override(policy, place).set)))


# Why an override may not do what it was written for.
OVERRIDES: tuple[OverrideRule, ...] = (
    OverrideRule(lambda p, n: not _override(p, n).set, "it sets nothing"),
    OverrideRule(
        lambda p, n: _override(p, n).set.get("mode") == Mode.APPLY and p.mode is Mode.PLAN,
        "an override cannot raise the mode: what it names stays in mode plan",
    ),
    OverrideRule(
        lambda p, n: _override(p, n).set.get("freeze") is False and p.freeze,
        "an override cannot lift the freeze",
    ),
    OverrideRule(
        lambda p, n: any(c in (_override(p, n).match.function or "") for c in ":/"),
        "a function is matched by its bare name: no ARN, alias or version ever fits",
    ),
    OverrideRule(
        lambda p, n: (_override(p, n).match.stream or "").startswith("arn:"),
        "a stream is matched by its bare name: no ARN ever fits",
    ),
    OverrideRule(_for_all, f"no override reaches {', '.join(FOR_ALL)}"),
    OverrideRule(_laid_over, "a later override for the same targets sets all of it"),
    OverrideRule(_says_nothing_new, "it sets only what holds anyhow"),
)


def _leaves(fields: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in fields.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def contradictions(document: plain_yaml.Document) -> Iterator[Problem]:
    """What contradicts itself in a policy file, each with its line. Raises FileError."""
    policy = of_document(document)
    own = [rule for rule in RULES if rule.wrong(policy)]
    for rule in own:
        yield _problem(document, (), rule)
    for place, override in enumerate(policy.overrides):
        for why in OVERRIDES:
            if why.wrong(policy, place):
                yield _at(document, ("overrides", place), why.said)
        laid = policy.overlaid(override)
        for rule in RULES:
            if rule not in own and rule.wrong(laid):
                yield _problem(document, ("overrides", place, "set"), rule)


def _problem(document: plain_yaml.Document, where: tuple[int | str, ...], rule: Rule) -> Problem:
    places = [(*where, *field.split(".")) for field in rule.fields]
    location = next((place for place in places if _stands(document.value, place)), where)
    return _at(document, location, f"{' against '.join(rule.fields)}: {rule.said}")


def _at(document: plain_yaml.Document, location: tuple[int | str, ...], said: str) -> Problem:
    prefix = ".".join(map(str, location[:2])) + ": " if location[:1] == ("overrides",) else ""
    return Problem(document.name, document.line(location), prefix + said)


def _stands(value: Any, location: Iterable[int | str]) -> bool:
    for part in location:
        known = isinstance(value, Mapping) and part in value
        if not known and not (isinstance(value, list) and isinstance(part, int)):
            return False
        value = value[part]
    return True
