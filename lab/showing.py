"""The lab in the terminal: one incident told, many in a table."""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.baselines import STRATEGIES
from lab.episode import Episode, ForecastLine, Note, SettingChange
from lab.scenarios import SCENARIOS, Scenario
from lab.scores import Score, misses, score, scores, seconds, told
from remediator.render.differences import Decided, Difference, differences


def show_scenario(console: Console, scenario: Scenario, seed: int) -> None:
    """What the incident is, and what can be learned from it."""
    console.rule(f"[bold]{escape(scenario.title)}[/] ({scenario.name}, seed {seed})")
    console.print(escape(scenario.lesson))
    console.print(f"True cause: [bold]{scenario.causes[0]}[/]", end="\n\n")


def show_episode(console: Console, episode: Episode) -> None:
    """The course of one run: what was said and changed, what was foreseen and what happened."""
    console.print(f"[bold]{episode.strategy}[/]")
    alarm = episode.alarm_at_seconds
    if alarm is None:
        console.print("  no alarm within the horizon", end="\n\n")
        return
    lines = [(alarm, "[yellow]alarm[/]")]
    lines += [(note.at_seconds, told_note(note)) for note in episode.notes if _says_much(note)]
    lines += [(change.at_seconds, told_change(change)) for change in episode.changes]
    if episode.recovered_at_seconds is not None:
        recovered = f"[green]recovered[/], {told(episode.recovery_seconds)} after the alarm"
        lines.append((episode.recovered_at_seconds, recovered))
    course = Table.grid(padding=(0, 2, 0, 0))  # so that what is long goes on under its own text
    for at, text in sorted(lines, key=lambda line: line[0]):
        course.add_row(f"  {at - alarm:+7.0f} s", text)
    console.print(course)
    if episode.recovered_at_seconds is None:
        console.print("   [red]the lag was still there at the end[/]")
    console.print()


def _says_much(note: Note) -> bool:
    return bool(note.cause) or note.status == "crashed"


def told_note(note: Note) -> str:
    """One look in one line."""
    cause = f"[magenta]{note.cause}[/]" + (f" ({escape(note.detail)})" if note.detail else "")
    verdict = f", verdict [bold]{note.verdict}[/]" if note.verdict else ""
    reason = f": {escape(note.reason)}" if note.reason else ""
    return f"{cause or 'crashed'} → {note.status}{verdict}{reason}"


def told_change(change: SettingChange) -> str:
    """One change in one line."""
    values = f"{_plain(change.before)} → [bold]{_plain(change.after)}[/]"
    return f"[cyan]{change.setting}[/] {values} [dim]({change.by})[/]"


def show_path(console: Console, episode: Episode) -> None:
    """The questions that led to the first change, with their readings, and the forecast."""
    note = next((note for note in episode.notes if note.status in {"applied", "settling"}), None)
    note = note or next((note for note in episode.notes if note.path), None)
    if note is None:
        return
    console.print("[bold]How the cause was found[/]")
    for step in note.path:
        colour = {"yes": "green", "no": "dim", "unseen": "yellow"}[step.answer]
        console.print(f"  [{colour}]{step.answer:6}[/] {escape(step.question)}")
        console.print(f"         [dim]{escape(step.because)}[/]")
    console.print(f"  → [magenta]{note.cause}[/] {escape(note.detail)}", end="\n\n")
    _show_forecast(console, episode, note)


def _show_forecast(console: Console, episode: Episode, note: Note) -> None:
    """Foreseen and happened, from the same moment on."""
    options = _telling(note.forecast, episode)
    if not options:
        return
    console.print("[bold]Foreseen at that moment: the backlog is gone in[/]")
    for option in options:
        console.print(f"  {option.option:32} {_foreseen(option)}")
    if episode.recovered_at_seconds is not None:
        happened = episode.recovered_at_seconds - note.at_seconds
        console.print(f"  [bold]{'happened (lag below the alarm)':32} {told(happened)}[/]")
    console.print()


def _foreseen(option: ForecastLine) -> str:
    if option.drains_in_seconds is None:
        return "never"
    return f"{told(option.drains_in_seconds)}{' at best' if option.at_best else ''}"


def _telling(options: Sequence[ForecastLine], episode: Episode) -> list[ForecastLine]:
    """To do nothing, what was done, and what a split would have done."""
    done = {f"{change.setting} {change.after}" for change in episode.changes}
    return [o for o in options if o.option in {"nothing", "split_shards"} | done]


def _plain(value: object) -> str:
    return "not set" if value is None else escape(str(value).rpartition(":")[2])


def show_incident(console: Console, episodes: Sequence[Episode]) -> None:
    """All strategies of one incident, side by side."""
    table = _table(
        "Time to recovery, from the alarm",
        "strategy",
        ["recovered", "lost", "good ones\ncaptured", "neighbour\nstarved", "others\nhurt"],
    )
    for episode in episodes:
        starved = "yes" if episode.starved else "no"
        hurt = str(episode.others_hurt + len(episode.overridden))
        counts = [str(episode.lost), str(episode.captured_good), starved, hurt]
        table.add_row(episode.strategy, told(seconds(episode)), *counts)
    console.print(table)


def show_table(console: Console, episodes: Sequence[Episode]) -> None:
    """The whole: a row for each scenario, then what missed."""
    rows = scores(episodes)
    present = {episode.strategy for episode in episodes}
    strategies = [name for name in STRATEGIES if name in present]
    console.print(
        _rows(
            "The remediator",
            ["cause", "lever", "× oracle", "lost", "starved", "hurt", "slower"],
            {row.scenario: _judged(row) for row in rows},
        ),
        "right cause and lever; time to recovery against the oracle's where a lever is needed;\n"
        "good records lost or captured; neighbours starved; persons overridden and other\n"
        "consumers hurt; runs slower than nothing by a tenth and a minute\n",
        _rows(
            "Median seconds from the alarm to recovery (∞: not by the end)",
            [_HEADS[name] for name in strategies],
            {row.scenario: _times(row, strategies) for row in rows},
        ),
    )
    missed = misses(episodes)
    console.print(f"[bold]{len(missed)} of {rows[-1].incidents} incidents missed something[/]")
    for line in missed:
        console.print(f"  {escape(line)}", soft_wrap=True)


_HEADS = {
    "nothing": "none",
    "double_shards": "double\nshards",
    "utilisation_reshard": "utili\nsat.",
    "pf_10": "PF\n10",
    "human_15_minutes": "human\n+15m",
    "remediator": "reme\ndiator",
    "oracle": "ora\ncle",
}


def _rows(title: str, heads: Sequence[str], cells: Mapping[str, Sequence[str]]) -> Table:
    table = _table(title, "scenario", heads)
    for name, row in cells.items():
        table.add_row(name, *row, style="bold" if name == "all" else "")
    return table


def _table(title: str, first: str, heads: Sequence[str]) -> Table:
    """A table that fits 80 columns: names on the left, figures on the right."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title_justify="left")
    table.add_column(first, no_wrap=True, max_width=30)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _judged(row: Score) -> list[str]:
    shares = ["–" if s is None else f"{s:.0%}" for s in (row.right_cause, row.right_lever)]
    hurt = row.overrode + row.others_hurt
    counts = [str(n) for n in (row.lost, row.starved, hurt, row.slower_than_nothing)]
    return [*shares, "–" if row.ratio is None else f"{row.ratio:.2f}", *counts]


def _times(row: Score, strategies: Sequence[str]) -> list[str]:
    times = (row.median_seconds.get(name) for name in strategies)
    return ["∞" if time == inf else told(time).removesuffix(" s") for time in times]


def show_list(console: Console) -> None:
    """Every scenario with its cause and its lesson."""
    table = Table(show_lines=True)
    for column in ("scenario", "cause", "what can be learned"):
        table.add_column(column)
    for scenario in SCENARIOS.values():
        lesson = f"[bold]{escape(scenario.title)}.[/] {escape(scenario.lesson)}"
        table.add_row(scenario.name, ", ".join(scenario.causes), lesson)
    console.print(table)


def show_comparison(console: Console, episodes: Sequence[Episode]) -> None:
    """The remediator under each policy: a section for each scenario."""
    policies = list(dict.fromkeys(episode.policy for episode in episodes))
    heads = ["policy", "recovery", "lever", "changes", "lost", "starved"]
    table = _table("The remediator under each policy (median time to recovery)", "scenario", heads)
    for name in dict.fromkeys(episode.scenario for episode in episodes):
        for policy in policies:
            played = [e for e in episodes if (e.scenario, e.policy) == (name, policy)]
            last = policy == policies[-1]
            table.add_row(name, Path(policy).name, *_compared(played), end_section=last)
    console.print(table)


def _compared(episodes: Sequence[Episode]) -> list[str]:
    row = score("all", episodes)
    return [
        told(row.median_seconds["remediator"]),
        "–" if row.right_lever is None else f"{row.right_lever:.0%}",
        str(sum(len(episode.changes) for episode in episodes)),
        str(row.lost),
        str(row.starved),
    ]


def differences_of(episodes: Sequence[Episode]) -> list[Difference]:
    """What the remediator decided differently in the same incident: under each later policy,
    against the first. Of each setting, what it ruled when it first came to it."""
    first, *others = dict.fromkeys(episode.policy for episode in episodes)
    under = {(e.policy, e.scenario, e.seed): e for e in episodes}
    return [
        difference
        for policy in others
        for (of, scenario, seed), episode in under.items()
        if of == policy
        for difference in differences(
            f"{scenario} seed {seed}",
            Path(policy).name,
            _decided(under[first, scenario, seed]),
            _decided(episode),
            f"said {episode.said_cause or 'nothing'}, and planned other changes or none",
        )
    ]


def _decided(episode: Episode) -> dict[str, Decided]:
    rulings = [ruling for note in episode.notes for ruling in note.rulings]
    return {"cause": Decided(episode.said_cause)} | {
        one.what: Decided(one.said, one.because) for one in reversed(rulings)
    }


def show_differences(console: Console, found: Sequence[Difference]) -> None:
    """One row for each thing that was decided differently."""
    if not found:
        console.print("Every decision is the same.")
        return
    heads = ["policy", "of what", "was", "now", "because"]
    table = _table("What is decided differently", "incident", heads)
    for one in found:
        table.add_row(*map(escape, one))
    console.print(table)
