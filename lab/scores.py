"""Many episodes become figures: who was right, how fast, and what it cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median_low

from lab.episode import Episode
from lab.judging import HANDS_OFF
from lab.scenarios import SCENARIOS

SLOWER = 1.1
# Slower than nothing is what is so by a tenth and by a minute, too.
SLOWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One row of the table; ``scenario`` is ``all`` for the whole. ``None``: nothing to count.

    ``median_seconds`` is the median time to recovery by strategy, infinite where most runs did
    not recover. ``ratio`` is the median over incidents of the remediator's time to the oracle's,
    where a lever is needed and the oracle's time is neither zero nor infinite: where hands off is
    right, the oracle prepares for an end of the trouble that nobody can foresee.
    """

    scenario: str
    incidents: int
    right_cause: float | None
    right_lever: float | None
    median_seconds: Mapping[str, float]
    ratio: float | None
    lost: int
    starved: int
    overrode: int
    others_hurt: int
    slower_than_nothing: int


def seconds(episode: Episode) -> float:
    """Time to recovery; infinite when the lag was still there."""
    return inf if episode.recovery_seconds is None else episode.recovery_seconds


def score(name: str, episodes: Sequence[Episode]) -> Score:
    """The figures of some incidents."""
    ours = [episode for episode in episodes if episode.strategy == "remediator"]
    by_strategy: dict[str, list[float]] = {}
    for episode in episodes:
        by_strategy.setdefault(episode.strategy, []).append(seconds(episode))
    ratios = _ratios(episodes)
    return Score(
        scenario=name,
        incidents=len({(episode.scenario, episode.seed) for episode in episodes}),
        right_cause=_share(episode.right_cause for episode in ours),
        right_lever=_share(episode.right_lever for episode in ours),
        median_seconds={name: median_low(times) for name, times in by_strategy.items()},
        ratio=median_low(ratios) if ratios else None,
        lost=sum(extra_lost(incident) for incident in incidents(episodes)),
        starved=sum(episode.starved for episode in ours),
        overrode=sum(bool(episode.overridden) for episode in ours),
        others_hurt=sum(others_hurt(incident) for incident in incidents(episodes)),
        slower_than_nothing=sum(is_slower(incident) for incident in incidents(episodes)),
    )


def scores(episodes: Sequence[Episode]) -> list[Score]:
    """A row for each scenario, in the order in which they come, and one for all."""
    names = list(dict.fromkeys(episode.scenario for episode in episodes))
    rows = [score(name, [e for e in episodes if e.scenario == name]) for name in names]
    return [*rows, score("all", episodes)]


def incidents(episodes: Iterable[Episode]) -> list[dict[str, Episode]]:
    """The episodes of each incident by strategy."""
    found: dict[tuple[str, int], dict[str, Episode]] = {}
    for episode in episodes:
        found.setdefault((episode.scenario, episode.seed), {})[episode.strategy] = episode
    return list(found.values())


def is_slower(incident: Mapping[str, Episode]) -> bool:
    """Whether the remediator took more than a tenth and a minute longer than doing nothing."""
    if not {"remediator", "nothing"} <= incident.keys():
        return False
    if SCENARIOS[incident["nothing"].scenario].healthy:
        return False  # what lags there, lags by a setting
    nothing = seconds(incident["nothing"])
    return seconds(incident["remediator"]) > max(SLOWER * nothing, nothing + SLOWER_SECONDS)


def extra_lost(incident: Mapping[str, Episode]) -> int:
    """Records lost, or good ones captured, with the remediator and not with nothing, beyond what
    nobody could foresee."""
    if "remediator" not in incident:
        return 0
    ours, nothing = incident["remediator"], incident.get("nothing")
    usual = nothing.lost if nothing else 0
    unforeseen = SCENARIOS[ours.scenario].unforeseen_losses
    return max(0, ours.lost - usual - unforeseen) + ours.captured_good


def others_hurt(incident: Mapping[str, Episode]) -> int:
    """What other consumers of the stream lost with the remediator and not with nothing."""
    if "remediator" not in incident:
        return 0
    nothing = incident.get("nothing")
    usual = nothing.others_hurt if nothing else 0
    return max(0, incident["remediator"].others_hurt - usual)


def misses(episodes: Sequence[Episode]) -> list[str]:
    """Every incident in which the remediator fell short, in words."""
    found = []
    for incident in incidents(episodes):
        ours = incident.get("remediator")
        faults = _faults(incident) if ours else []
        if ours and faults:
            found.append(f"{ours.scenario} seed {ours.seed}: {'; '.join(faults)}")
    return found


def _faults(incident: Mapping[str, Episode]) -> list[str]:
    ours = incident["remediator"]
    pulled = ", ".join(dict.fromkeys(change.by for change in ours.changes)) or "nothing"
    crashes = sum(note.status == "crashed" for note in ours.notes)
    faults = {
        f"said {ours.said_cause or 'nothing'}, it was {ours.true_cause}": not ours.right_cause,
        f"pulled {pulled}": not ours.right_lever,
        f"{extra_lost(incident)} good records lost or captured": extra_lost(incident) > 0,
        "the neighbour starved": ours.starved,
        f"overrode a person: {', '.join(ours.overridden)}": bool(ours.overridden),
        f"{others_hurt(incident)} lost at other consumers": others_hurt(incident) > 0,
        f"recovered {told(seconds(ours))}, with nothing {_with_nothing(incident)}": is_slower(
            incident
        ),
        f"{crashes} runs crashed": crashes > 0,
    }
    return [fault for fault, is_so in faults.items() if is_so]


def _with_nothing(incident: Mapping[str, Episode]) -> str:
    return told(seconds(incident["nothing"])) if "nothing" in incident else "?"


def told(time: float | None) -> str:
    """Seconds for people."""
    if time is None:
        return "–"
    return "never" if time == inf else f"{time:.0f} s"


def _ratios(episodes: Sequence[Episode]) -> list[float]:
    pairs = [
        (seconds(incident["remediator"]), seconds(incident["oracle"]))
        for incident in incidents(episodes)
        if {"remediator", "oracle"} <= incident.keys()
        and HANDS_OFF not in SCENARIOS[incident["oracle"].scenario].levers
    ]
    return [ours / best for ours, best in pairs if 0 < best < inf]


def _share(truths: Iterable[bool | None]) -> float | None:
    known = [truth for truth in truths if truth is not None]
    return sum(known) / len(known) if known else None
