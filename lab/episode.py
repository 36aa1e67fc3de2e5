"""What one run of the lab leaves behind: one scenario, one strategy, one seed.

Times are simulated seconds since the world's start. Everything here is plain data: it goes to JSON
and back, and the HTML page is drawn from nothing else.
"""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from lab.plant import Ledger

Setting = bool | int | float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The plant itself (not its metrics) at equal steps; every column has the same length.

    Errors and throttles are counts of the step, scaled to a minute.
    """

    seconds: tuple[float, ...] = ()
    age_seconds: tuple[float, ...] = ()
    """Age of the oldest record that is neither done with nor expired."""
    backlog_records: tuple[int, ...] = ()
    concurrency: tuple[int, ...] = ()
    errors_per_minute: tuple[float, ...] = ()
    throttles_per_minute: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """A setting that somebody changed: the strategy, or the remediator (by its remedy's name)."""

    at_seconds: float
    setting: str
    before: Setting
    after: Setting
    by: str
    undone: bool = False
    """Whether it was later put back, or is itself what puts a change back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One question of the tree, with its answer (yes, no, unseen), why, and the readings."""

    question: str
    answer: str
    because: str
    readings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastLine:
    """What the remediator expected of one option; ``None`` is never."""

    option: str
    drains_in_seconds: float | None
    first_loss_in_seconds: float | None = None
    note: str = ""
    at_best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOn:
    """A change that was planned: of which setting, what was ruled, and why."""

    what: str
    said: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One run of the remediator, as its report tells it; empty words are what it did not say."""

    at_seconds: float
    cause: str = ""
    detail: str = ""
    status: str = ""
    reason: str = ""
    verdict: str = ""
    decision: str = ""
    """What its follow-up decided: wait, next_rung, roll_back, …"""
    escalation: str = ""
    path: tuple[PathStep, ...] = ()
    forecast: tuple[ForecastLine, ...] = ()
    wished: tuple[str, ...] = ()
    """Names of the remedies that it planned, allowed or not."""
    rulings: tuple[RuledOn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One run. ``recovered_at_seconds`` is ``None`` when the lag was still there at the end."""

    scenario: str
    strategy: str
    seed: int
    true_cause: str
    horizon_seconds: float
    threshold_seconds: float
    alarm_at_seconds: float | None
    recovered_at_seconds: float | None
    timeline: Timeline = field(default_factory=Timeline)
    changes: tuple[SettingChange, ...] = ()
    notes: tuple[Note, ...] = ()
    said_cause: str = ""
    """The diagnosis that this run is judged by; empty for strategies that diagnose nothing."""
    right_cause: bool | None = None
    right_lever: bool | None = None
    ledger: Ledger = field(default_factory=lambda: Ledger(0, 0, 0, 0, 0, 0))
    lost: int = 0
    """Records that expired, or were discarded without being captured."""
    captured_good: int = 0
    """Records at the on-failure destination that could have been processed."""
    starved: bool = False
    """Whether the neighbour was throttled clearly more than with ``nothing``."""
    neighbour_throttles: int = 0
    overridden: tuple[str, ...] = ()
    """Settings that did not stay as a person had set them a moment ago."""
    others_hurt: int = 0
    """Records lost and windows broken at other consumers of the stream."""
    final_settings: dict[str, Setting] = field(default_factory=dict)
    policy: str = ""
    """Name of the policy under which the remediator worked; empty for the one that ships."""

    @property
    def recovery_seconds(self) -> float | None:
        """From the first alarm until the lag was gone for good; ``None``: not by the end."""
        if self.alarm_at_seconds is None or self.recovered_at_seconds is None:
            return None
        return max(0.0, self.recovered_at_seconds - self.alarm_at_seconds)


_EPISODES: TypeAdapter[list[Episode]] = TypeAdapter(list[Episode])


def to_json(episodes: list[Episode], indent: int | None = None) -> str:
    """The episodes as a JSON array."""
    return _EPISODES.dump_json(episodes, indent=indent).decode()


def from_json(text: str | bytes) -> list[Episode]:
    """The episodes of a JSON array.

    Raises:
        pydantic.ValidationError: it holds something else.
    """
    return _EPISODES.validate_json(text)
