"""What the remediator expected of an option, against what became of a run that took it."""

from collections.abc import Sequence
from typing import NamedTuple

from lab.episode import Episode, ForecastLine, Note, SettingChange
from lab.page.strategies import Strategy

# A change this long after the forecast still acts on the backlog that the forecast saw.
_SOON_SECONDS = 300


class Comparison(NamedTuple):
    """One option, foretold and happened, in seconds from the forecast; ``None`` is never."""

    who: Strategy
    option: str
    foretold: float | None
    happened: float | None
    foretold_share: float
    """Of the longest time in the comparison, in percent, for the bar."""
    happened_share: float
    watched_seconds: float
    """How long the run was watched: what ``None`` of ``happened`` stands on."""
    at_best: bool = False
    """Whether it was foretold as what it is at best."""

    @property
    def apart(self) -> str:
        """How far the forecast was off, in words; empty where there is nothing to compare."""
        if not self.foretold or self.happened is None:
            return ""
        off = round(100 * (self.happened / self.foretold - 1))
        return f"{abs(off)} % {'later' if off > 0 else 'sooner'}" if off else "as foretold"


def comparisons(who: Sequence[Strategy], note: Note | None) -> tuple[Comparison, ...]:
    """Every run that took one of a forecast's options, soon after it."""
    if note is None:
        return ()
    lines = {line.option: line for line in note.forecast}
    taken = [(s, lines.get(_option(s.episode, note.at_seconds) or "")) for s in who]
    return _scaled([_compared(s, line, note) for s, line in taken if line is not None])


def _option(episode: Episode, foretold_at: float) -> str | None:
    """The option that a run took, in the forecast's own words; ``None``: none of them."""
    if episode.strategy == "nothing":
        return "nothing"
    soon = (c for c in episode.changes if abs(c.at_seconds - foretold_at) <= _SOON_SECONDS)
    return next(filter(None, map(_named, soon)), None)


def _named(change: SettingChange) -> str | None:
    if change.setting in {"shards", "shard_count"}:
        return "split_shards"
    if change.setting in {"parallelization_factor", "batch_size"}:
        return f"{change.setting} {change.after}"
    return None


def _compared(strategy: Strategy, line: ForecastLine, note: Note) -> Comparison:
    episode = strategy.episode
    recovered = episode.recovered_at_seconds
    return Comparison(
        who=strategy,
        option=line.option,
        foretold=line.drains_in_seconds,
        happened=None if recovered is None else max(0.0, recovered - note.at_seconds),
        foretold_share=0,
        happened_share=0,
        watched_seconds=episode.horizon_seconds - note.at_seconds,
        at_best=line.at_best,
    )


def _scaled(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    longest = max((v or 0.0 for row in rows for v in (row.foretold, row.happened)), default=0.0)
    whole = longest or 1.0
    return tuple(
        row._replace(
            foretold_share=_share(row.foretold, whole), happened_share=_share(row.happened, whole)
        )
        for row in rows
    )


def _share(seconds: float | None, whole: float) -> float:
    return 100.0 if seconds is None else round(100 * seconds / whole, 1)
