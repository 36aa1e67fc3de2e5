"""The episodes as the template wants them: all is placed and said, nothing left to reckon."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from lab.episode import Episode, Note
from lab.page import words
from lab.page.charts import Chart, charts, hover_data
from lab.page.clock import Clock
from lab.page.forecasts import Comparison, comparisons
from lab.page.strategies import Strategy, strategies


class Fact(NamedTuple):
    """One of the answers at the top."""

    name: str
    value: str
    more: str = ""


class Row(NamedTuple):
    """One line of the results."""

    who: Strategy
    recovery: str
    recovered: bool
    share: float
    """How long the lag was there, in percent of the longest, for the bar."""
    lost: int
    captured: int
    captured_good: int
    starved: bool
    changes: int


class Look(NamedTuple):
    """One run of the remediator."""

    who: Strategy
    at: str
    note: Note
    cause: str


class View(NamedTuple):
    """All that the template shows."""

    title: str
    lesson: str
    scenario: str
    seed: int
    cause: str
    facts: tuple[Fact, ...]
    who: tuple[Strategy, ...]
    clock: Clock
    main: Chart
    smalls: tuple[Chart, ...]
    rows: tuple[Row, ...]
    looks: tuple[Look, ...]
    lead: Look | None
    """The look that found the cause: the first with a path since the alarm."""
    comparisons: tuple[Comparison, ...]
    hover: dict[str, Any]


def view(episodes: Sequence[Episode], title: str, lesson: str) -> View:
    """The page's content, for episodes of one incident."""
    who = strategies(episodes)
    clock = Clock.of(episodes)
    main, *smalls = charts(who, clock)
    looks = _looks(who, clock)
    lead = _lead(looks, clock)
    return View(
        title=title or words.titled(episodes[0].scenario),
        lesson=lesson,
        scenario=episodes[0].scenario,
        seed=episodes[0].seed,
        cause=episodes[0].true_cause,
        facts=_facts(who),
        who=who,
        clock=clock,
        main=main,
        smalls=tuple(smalls),
        rows=_rows(who),
        looks=looks,
        lead=lead,
        comparisons=comparisons(who, lead.note if lead else None),
        hover=hover_data(who, clock),
    )


# --- the answers at the top ----------------------------------------------------------------------


def _facts(who: Sequence[Strategy]) -> tuple[Fact, ...]:
    by_name = {strategy.episode.strategy: strategy.episode for strategy in reversed(who)}
    ours, nothing = by_name.get("remediator"), by_name.get("nothing")
    facts = [Fact("Back to normal, if nobody acts", _recovery(nothing))] if nothing else []
    if ours:
        facts.append(Fact("With the remediator", _recovery(ours), _gain(ours, nothing)))
        facts.append(Fact("It said", words.titled(ours.said_cause) or "–", _judged(ours)))
        facts.append(Fact("Records lost", words.count(ours.lost), "with the remediator"))
    return tuple(facts)


def _recovery(episode: Episode) -> str:
    if episode.alarm_at_seconds is None:
        return "no alarm"
    if episode.recovery_seconds is None:
        watched = words.duration(episode.horizon_seconds - episode.alarm_at_seconds)
        return f"not in {watched}"
    return words.duration(episode.recovery_seconds)


def _gain(ours: Episode, nothing: Episode | None) -> str:
    mine, theirs = ours.recovery_seconds, nothing.recovery_seconds if nothing else None
    if not mine or not theirs:
        return "after the alarm"
    if theirs >= 1.1 * mine:
        return f"{theirs / mine:.1f} times as fast"
    return f"{mine / theirs:.1f} times as long" if mine >= 1.1 * theirs else "about the same"


def _judged(episode: Episode) -> str:
    if episode.right_cause is None:
        return ""
    if not episode.right_cause:
        return f"but it was: {words.titled(episode.true_cause)}"
    return "which is right, but not its lever" if episode.right_lever is False else "which is right"


# --- results and looks ---------------------------------------------------------------------------


def _rows(who: Sequence[Strategy]) -> tuple[Row, ...]:
    longest = max(_lasted(strategy.episode) for strategy in who)
    return tuple(_row(strategy, longest) for strategy in who)


def _lasted(episode: Episode) -> float:
    """How long the lag was there, as far as the run was watched."""
    if episode.recovery_seconds is not None or episode.alarm_at_seconds is None:
        return episode.recovery_seconds or 0.0
    return episode.horizon_seconds - episode.alarm_at_seconds


def _row(strategy: Strategy, longest: float) -> Row:
    episode = strategy.episode
    never = episode.recovery_seconds is None and episode.alarm_at_seconds is not None
    return Row(
        who=strategy,
        recovery=_recovery(episode),
        recovered=not never,
        share=round(100 * _lasted(episode) / (longest or 1.0), 1),
        lost=episode.lost,
        captured=episode.ledger.captured,
        captured_good=episode.captured_good,
        starved=episode.starved,
        changes=len(episode.changes),
    )


def _looks(who: Sequence[Strategy], clock: Clock) -> tuple[Look, ...]:
    return tuple(
        Look(strategy, clock.say(note.at_seconds), note, words.CAUSES.get(note.cause, ""))
        for strategy in who
        for note in strategy.episode.notes
    )


def _lead(looks: Sequence[Look], clock: Clock) -> Look | None:
    since = clock.alarm or 0.0
    return next((x for x in looks if x.note.path and x.note.at_seconds >= since), None)
