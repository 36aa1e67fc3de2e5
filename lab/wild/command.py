"""``remediator-lab wild``: many worlds at random, one of them told, or two policies compared."""

from collections.abc import Sequence
from math import inf
from pathlib import Path
from time import perf_counter

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lab import showing
from lab.scores import told
from lab.wild import report
from lab.wild.draw import Wild, wild
from lab.wild.play import Played, play
from lab.wild.priors import table
from lab.wild.scores import Outcome, Word, outcome
from lab.wild.slices import MEASURES, SHOWN_SEEDS, misses, share, slices
from lab.wild.sweep import Job, sweep
from lab.wild.truth import holders

TOLD_SECONDS = 120.0


def many(jobs: Sequence[Job], processes: int | None, out: Path) -> None:
    """Play worlds and tell their figures."""
    console, began = Console(), perf_counter()
    outcomes = _played(console, jobs, processes)
    least = max(5, min(30, len(outcomes) // 10))
    _show_figures(console, outcomes)
    _show_worst(console, outcomes, least)
    _show_misses(console, outcomes)
    report.write(outcomes, out, least)
    took = perf_counter() - began
    console.print(f"{took:.0f} s of real time; written to [bold]{out}[/] and {out.stem}.md")


def _played(console: Console, jobs: Sequence[Job], processes: int | None) -> list[Outcome]:
    """All outcomes, in the order of their seeds."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    outcomes: list[Outcome] = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("worlds", total=len(jobs))
        for played in sweep(jobs, processes):
            outcomes.append(played)
            progress.advance(task)
    return sorted(outcomes, key=lambda o: o.seed)


def _show_figures(console: Console, outcomes: Sequence[Outcome]) -> None:
    shown = _table("Worlds at random", "figure", "value", "interval (95 %)", "of")
    for row in report.rows(outcomes):
        shown.add_row(*row)
    console.print(shown)


def _show_worst(console: Console, outcomes: Sequence[Outcome], least: int) -> None:
    found = slices(outcomes, least)
    for measure in MEASURES:
        shown = _table(f"Worst slices: {measure}", "property", "is", "share", "of", "seeds")
        for s in [s for s in found if s.measure == measure and s.missed][: report.SHOWN_SLICES]:
            seeds = ", ".join(map(str, s.missed[:SHOWN_SEEDS]))
            shown.add_row(s.name, s.label, report.percent(s.share.value), str(s.share.of), seeds)
        console.print(shown)


def _show_misses(console: Console, outcomes: Sequence[Outcome]) -> None:
    console.print("[bold]Kinds of miss[/]")
    for miss in misses(outcomes)[: report.SHOWN_MISSES]:
        seeds = ", ".join(map(str, miss.seeds[:SHOWN_SEEDS]))
        console.print(
            f"  {len(miss.seeds):4}  {escape(miss.kind)}  [dim]{seeds}[/]", soft_wrap=True
        )


def _table(title: str, *heads: str) -> Table:
    shown = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", padding=(0, 1, 0, 0))
    for head in heads:
        shown.add_column(head, overflow="fold")
    return shown


# --- one world ---------------------------------------------------------------------------------


def one(seed: int, policy: str | None) -> None:
    """Replay one world: what was drawn, what bound, what was said and done."""
    console = Console()
    world = wild(seed)
    played = play(world, policy)
    _show_world(console, world)
    _show_truth(console, played)
    showing.show_path(console, played.ours)
    for episode in (played.nothing.episode, played.ours):
        showing.show_episode(console, episode)
    _show_outcome(console, outcome(played))


def _show_world(console: Console, world: Wild) -> None:
    console.rule(f"[bold]{escape(world.scenario.title)}[/] (seed {world.seed})")
    priors, labels = table(), world.labels
    shown = _table("What was drawn", "property", "is", "what it says")
    for name, label in labels.items():
        shown.add_row(name, escape(label), escape(priors[name].says))
    console.print(shown)
    happenings = world.scenario.blueprint(world.seed).happenings
    for happening in [h for h in happenings if h.at_seconds < inf]:
        console.print(f"  {happening.at_seconds:7.0f} s  {escape(happening.what)}")
    console.print(f"  {world.onset:7.0f} s  [bold]the onset[/]\n")


def _show_truth(console: Console, played: Played) -> None:
    shown = _table("What held the oldest records, in the plant", "seconds", "nothing", "remediator")
    end = played.world.scenario.horizon_seconds
    for step in range(int(end // TOLD_SECONDS)):
        since = step * TOLD_SECONDS
        cells = []
        for samples in (played.nothing.samples, played.samples):
            within = [s for s in samples if since <= s.at < since + TOLD_SECONDS]
            age = max((s.age for s in within), default=0.0)
            held = holders(within, since, since + TOLD_SECONDS)
            words = ", ".join(f"{word} {part:.0%}" for word, part in sorted(held.items()))
            cells.append(f"{age:.0f} s {words}")
        shown.add_row(f"{since:.0f}", *cells)
    console.print(shown)


def _show_outcome(console: Console, o: Outcome) -> None:
    for name, word in (("first", o.first), ("last", o.last)):
        console.print(f"  {name} word: {_told(word)}")
    nothing, ours, best = (
        told(inf if time is None else time)
        for time in (o.nothing_seconds, o.ours_seconds, o.oracle_seconds)
    )
    console.print(f"  over after: {nothing} with nothing, {ours} with the remediator")
    console.print(f"  the oracle: {f'{o.lever}, {best}' if o.lever else 'no lever helps'}")
    harm = ", ".join(f"{kind} {count}" for kind, count in o.harm.items())
    console.print(f"  harm: {harm or 'none'}; forecast error: {_error(o.forecast_error)}")
    console.print(f"  {o.looks} looks, {o.calls} AWS calls")


def _error(share: float | None) -> str:
    if share is None:
        return "nothing to compare"
    return "not gone by the end" if share == inf else f"{share:.0%}"


def _told(word: Word | None) -> str:
    if word is None:
        return "none"
    judged = "[green]right[/]" if word.is_right else "[red]wrong[/]"
    return f"{word.said or 'none'} at {word.at:.0f} s, {judged}: {', '.join(word.right)}"


# --- two policies ------------------------------------------------------------------------------


def compared(seeds: Sequence[int], before: str, after: str | None, processes: int | None) -> None:
    """The same worlds under two policies: the figures, and the slices that moved most."""
    console = Console()
    first = _played(console, [Job(seed, before) for seed in seeds], processes)
    second = _played(console, [Job(seed, after) for seed in seeds], processes)
    shown = _table("Before and after", "figure", "before", "after")
    before_by_name, after_by_name = (
        {name: value for name, value, *_ in report.rows(played)} for played in (first, second)
    )
    for name in dict.fromkeys((*before_by_name, *after_by_name)):  # a kind of harm may be in one
        shown.add_row(name, before_by_name.get(name, "–"), after_by_name.get(name, "–"))
    console.print(shown)
    moved = _table("Slices that moved", "measure", "property", "is", "before", "after", "of")
    for row in _moved(first, second):
        moved.add_row(*row)
    console.print(moved)


def _moved(first: Sequence[Outcome], second: Sequence[Outcome]) -> list[tuple[str, ...]]:
    found = []
    least = max(5, min(30, len(first) // 10))
    for s in slices(first, least):
        group = [o for o in second if o.labels.get(s.name) == s.label]
        now = share(group, MEASURES[s.measure])
        if s.share.value is not None and now.value is not None and now != s.share:
            cells = (s.measure, s.name, s.label, report.percent(s.share.value))
            change = now.value - s.share.value
            found.append((change, (*cells, report.percent(now.value), str(now.of))))
    ordered = sorted(found, key=lambda pair: (-abs(pair[0]), pair[1]))
    return [row for _, row in ordered[: 2 * report.SHOWN_SLICES]]
