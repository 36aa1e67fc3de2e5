"""Figures of many worlds, with intervals, and of every slice of them, the worst first."""

from collections.abc import Callable, Iterable, Sequence
from math import ceil, inf, sqrt
from typing import NamedTuple

from lab.plant.chance import chance
from lab.wild.scores import Outcome

# Of a 95 % interval.
Z = 1.959964
RESAMPLES = 400
SHOWN_SEEDS = 6


class Share(NamedTuple):
    """So many of so many, with Wilson's 95 % interval."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """The share; None of none."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's: it stays within 0 and 1, and is no point where nothing was missed."""
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.hits / self.of
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


class Quantile(NamedTuple):
    """A quantile of some values, with its bootstrap 95 % interval; None of none."""

    value: float | None
    low: float | None
    high: float | None
    of: int


def quantile(values: Sequence[float], q: float) -> Quantile:
    """The q-quantile; infinite values count as such. The dice of the bootstrap are always the
    same."""
    if not values:
        return Quantile(None, None, None, 0)
    ordered = sorted(values)
    dice = chance(len(ordered), "bootstrap", q)
    found = sorted(_at(sorted(dice.choices(ordered, k=len(ordered))), q) for _ in range(RESAMPLES))
    low, high = found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES) - 1]
    return Quantile(_at(ordered, q), low, high, len(ordered))


def _at(ordered: Sequence[float], q: float) -> float:
    return ordered[max(0, ceil(q * len(ordered)) - 1)]


class Figures(NamedTuple):
    """All that is counted of some worlds."""

    worlds: int
    alarms: int
    first: Share
    first_asks: int
    last: Share
    harmed: Share
    """Worlds that were harmed."""
    harms: dict[str, int]
    """Worlds by kind of harm."""
    recovered: Share
    """Of those in which a lever exists."""
    recovered_unasked: Share
    """Of those in which nothing waits for an approval."""
    ratio: Quantile
    ratio_p95: Quantile
    forecast: Quantile
    looks: Quantile
    """Of an incident, where there was an alarm."""
    calls: Quantile
    """To AWS, by all looks of a world with an alarm."""
    calls_p95: Quantile
    crashed: int


# Whether a world came out well; None where it was not asked.
Measure = Callable[[Outcome], bool | None]


def first_right(outcome: Outcome) -> bool | None:
    """Whether the first word was right."""
    return outcome.first.is_right if outcome.first else None


def last_right(outcome: Outcome) -> bool | None:
    """Whether the last word that was said while it lagged was right."""
    return outcome.last.is_right if outcome.last else None


def unharmed(outcome: Outcome) -> bool | None:
    """Whether nobody was harmed."""
    return not outcome.harm


def recovered(outcome: Outcome) -> bool | None:
    """Whether the lag was gone, where a lever could do that."""
    return outcome.recovered if outcome.lever else None


MEASURES: dict[str, Measure] = {
    "first word right": first_right,
    "last word right": last_right,
    "no harm": unharmed,
    "recovered where a lever exists": recovered,
}


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """The figures of some worlds."""
    ratios = [o.ratio for o in outcomes if o.ratio is not None]
    alarmed = [o for o in outcomes if o.alarm_at is not None]
    calls = [float(o.calls) for o in alarmed]
    errors = [o.forecast_error for o in outcomes if o.forecast_error is not None]
    kinds = sorted({kind for o in outcomes for kind in o.harm})
    return Figures(
        worlds=len(outcomes),
        alarms=len(alarmed),
        first=share(outcomes, first_right),
        first_asks=sum(bool(o.first and o.first.asks) for o in outcomes),
        last=share(outcomes, last_right),
        harmed=Share(sum(bool(o.harm) for o in outcomes), len(outcomes)),
        harms={kind: sum(kind in o.harm for o in outcomes) for kind in kinds},
        recovered=share(outcomes, recovered),
        recovered_unasked=share([o for o in outcomes if not o.waits], recovered),
        ratio=quantile(ratios, 0.5),
        ratio_p95=quantile(ratios, 0.95),
        forecast=quantile(errors, 0.5),
        looks=quantile([float(o.looks) for o in alarmed], 0.5),
        calls=quantile(calls, 0.5),
        calls_p95=quantile(calls, 0.95),
        crashed=sum(bool(o.crashed) for o in outcomes),
    )


def share(outcomes: Iterable[Outcome], measure: Measure) -> Share:
    """How many came out well, of those that were asked."""
    asked = [well for o in outcomes if (well := measure(o)) is not None]
    return Share(sum(asked), len(asked))


class Slice(NamedTuple):
    """The worlds with one label of one property, under one measure."""

    measure: str
    name: str
    label: str
    share: Share
    missed: tuple[int, ...]
    """Seeds to replay."""


def slices(outcomes: Sequence[Outcome], least: int = 30) -> list[Slice]:
    """Every slice of so many worlds or more, under each measure, the worst first."""
    found = []
    for measure, well in MEASURES.items():
        asked = [o for o in outcomes if well(o) is not None]
        groups: dict[tuple[str, str], list[Outcome]] = {}
        for o in asked:
            for name, label in o.labels.items():
                groups.setdefault((name, label), []).append(o)
        for (name, label), group in groups.items():
            if len(group) >= least:
                missed = tuple(o.seed for o in group if not well(o))
                found.append(Slice(measure, name, label, share(group, well), missed))
    return sorted(found, key=lambda s: (s.share.value or 0.0, -s.share.of, s.name, s.label))


class Miss(NamedTuple):
    """One kind of miss, and the worlds in which it happened."""

    kind: str
    seeds: tuple[int, ...]


def misses(outcomes: Sequence[Outcome]) -> list[Miss]:
    """What went wrong, by kind, the most frequent first."""
    found: dict[str, list[int]] = {}
    for o in outcomes:
        for kind in _kinds(o):
            found.setdefault(kind, []).append(o.seed)
    kinds = [Miss(kind, tuple(seeds)) for kind, seeds in found.items()]
    return sorted(kinds, key=lambda miss: (-len(miss.seeds), miss.kind))


def _kinds(o: Outcome) -> list[str]:
    kinds = [f"harm: {kind}" for kind in o.harm]
    if o.first and not o.first.is_right:
        kinds.append(f"first word {o.first.said or 'none'}, it was {_or(o.first.right)}")
    if o.last and not o.last.is_right:
        kinds.append(f"last word {o.last.said}, it was {_or(o.last.right)}")
    if o.lever and not o.recovered:
        how = "waits for approval" if o.waits else f"pulled {', '.join(o.pulled) or 'nothing'}"
        kinds.append(f"not recovered, {how}; the oracle: {_kind_of(o.lever)}")
    if o.ratio is not None and 3 < o.ratio < inf:
        kinds.append("more than 3 × the oracle")
    if o.crashed:
        kinds.append("a run crashed")
    kinds += [f"the lab does not know {name}" for name in o.unsupported]
    return kinds


def _or(causes: Sequence[str]) -> str:
    return " or ".join(causes) or "nothing"


def _kind_of(lever: str) -> str:
    """Without its numbers."""
    return "".join(c for c in lever if not c.isdigit()).replace("  ", " ").strip()
