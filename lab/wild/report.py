"""The figures of a sweep for people: on the terminal and as Markdown; the data is JSON."""

from collections.abc import Sequence
from math import inf
from pathlib import Path

from lab.wild.scores import Outcome, to_json
from lab.wild.slices import (
    MEASURES,
    SHOWN_SEEDS,
    Figures,
    Quantile,
    Share,
    Slice,
    figures,
    misses,
    slices,
)

SHOWN_SLICES = 12
SHOWN_MISSES = 40


def markdown(outcomes: Sequence[Outcome], least: int) -> str:
    """The whole report."""
    seeds = [o.seed for o in outcomes]
    command = f"remediator-lab wild --worlds {len(seeds)} --first-seed {min(seeds)}"
    found = slices(outcomes, least)
    return "\n".join(
        [
            "# Worlds at random",
            "",
            f"Seeds {min(seeds)} to {max(seeds)}: `{command}`. Intervals are of 95 %.",
            "",
            *_table(("figure", "value", "interval", "of"), _rows(figures(outcomes))),
            "",
            *(line for measure in MEASURES for line in _worst(measure, found, least)),
            "## Kinds of miss",
            "",
            *_table(("worlds", "kind", "seeds"), _misses(outcomes)),
            "",
        ]
    )


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str, str]]:
    """The figures of the whole: name, value, interval, of how many."""
    return _rows(figures(outcomes))


def _rows(f: Figures) -> list[tuple[str, str, str, str]]:
    return [
        ("worlds, with an alarm", str(f.alarms), "", str(f.worlds)),
        _share("first word right", f.first),
        ("first word: does not know", str(f.first_asks), "", str(f.first.of)),
        _share("last word right", f.last),
        _share("harmed", f.harmed),
        *((f"harmed: {kind}", str(count), "", str(f.worlds)) for kind, count in f.harms.items()),
        _share("recovered where a lever exists", f.recovered),
        _share("recovered where nothing waits for approval", f.recovered_unasked),
        _quantile("× the oracle, median", f.ratio),
        _quantile("× the oracle, 95th percentile", f.ratio_p95),
        _quantile("forecast error, median", f.forecast, percent=True),
        _quantile("looks, median", f.looks),
        _quantile("AWS calls, median", f.calls),
        _quantile("AWS calls, 95th percentile", f.calls_p95),
        ("crashed", str(f.crashed), "", str(f.worlds)),
    ]


def _share(name: str, share: Share) -> tuple[str, str, str, str]:
    low, high = share.interval
    return name, percent(share.value), f"{percent(low)} – {percent(high)}", str(share.of)


def _quantile(name: str, q: Quantile, *, percent: bool = False) -> tuple[str, str, str, str]:
    values = [_number(v, percent=percent) for v in (q.value, q.low, q.high)]
    return name, values[0], f"{values[1]} – {values[2]}", str(q.of)


def percent(value: float | None) -> str:
    """A share for people."""
    return "–" if value is None else f"{value:.1%}"


def _number(value: float | None, *, percent: bool) -> str:
    if value is None:
        return "–"
    if value == inf:
        return "∞"
    return f"{value:.0%}" if percent else f"{value:.2f}"


def _worst(measure: str, found: Sequence[Slice], least: int) -> list[str]:
    worst = [s for s in found if s.measure == measure and s.missed][:SHOWN_SLICES]
    lines = [(*_told(s), ", ".join(map(str, s.missed[:SHOWN_SEEDS]))) for s in worst]
    return [
        f"## Worst slices: {measure}",
        "",
        f"Of {least} worlds or more; seeds to replay with `remediator-lab wild --seed SEED`.",
        "",
        *_table(("property", "is", "share", "interval", "of", "missed"), lines),
        "",
    ]


def _told(s: Slice) -> tuple[str, str, str, str, str]:
    low, high = s.share.interval
    interval = f"{percent(low)} – {percent(high)}"
    return s.name, s.label, percent(s.share.value), interval, str(s.share.of)


def _misses(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    return [
        (str(len(miss.seeds)), miss.kind, ", ".join(map(str, miss.seeds[:SHOWN_SEEDS])))
        for miss in misses(outcomes)[:SHOWN_MISSES]
    ]


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    return [
        _line(heads),
        _line(["---"] * len(heads)),
        *(_line(line) for line in lines),
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def write(outcomes: Sequence[Outcome], out: Path, least: int) -> None:
    """The data and the report, side by side."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(to_json(outcomes), encoding="utf-8")
    out.with_suffix(".md").write_text(markdown(outcomes, least), encoding="utf-8")
