"""What one world's run comes to: words against what bound, harm, time against the oracle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf

from pydantic import ConfigDict, TypeAdapter

from lab.episode import Note
from lab.scores import SLOWER, seconds
from lab.wild.harm import harm
from lab.wild.play import Played, told
from lab.wild.truth import RIGHT, WAITS, WORKS, Sample, age_at, ends_soon, right_causes
from remediator.model import Cause

# A lever exists where it is faster than nothing by so much, and by a tenth.
HELPS_SECONDS = 60.0
# A backlog is gone when the oldest record is younger, or as old as is usual.
GONE_SECONDS = 10.0
# Looks of the plant's witness in a row, a minute, that make "nothing holds it".
FREE_LOOKS = 6
SHORTEST_FORECAST = 60.0
WAITING = "awaiting_approval"
# The forecast's option of leaving it as it is.
NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A cause that was named, when, and what it would have been right to name."""

    at: float
    said: str
    right: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Whether it is one of them."""
        return self.said in self.right

    @property
    def asks(self) -> bool:
        """Whether it says that it does not know."""
        return self.said == Cause.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One world's figures; ``None`` is never, or not asked. Plain data, the same on every run."""

    __pydantic_config__ = ConfigDict(ser_json_inf_nan="strings")

    seed: int
    labels: dict[str, str]
    alarm_at: float | None
    first: Word | None = None
    last: Word | None = None
    held_by: dict[str, float] = field(default_factory=dict)
    """What held the shards with nothing, as shares of the time."""
    nothing_seconds: float | None = None
    oracle_seconds: float | None = None
    ours_seconds: float | None = None
    lever: str = ""
    """The oracle's, where one exists."""
    pulled: tuple[str, ...] = ()
    harm: dict[str, int] = field(default_factory=dict)
    """Kinds of harm that were done, with their counts."""
    forecast_error: float | None = None
    """Of the first time that was foreseen and can be held against what happened; infinite: it was
    not gone by the end. "Never, as it is" is no time: somebody else may end it."""
    waits: bool = False
    """Whether it waits for somebody's approval at the end."""
    looks: int = 0
    calls: int = 0
    crashed: int = 0
    unsupported: tuple[str, ...] = ()

    @property
    def recovered(self) -> bool:
        """Whether the lag was gone by the end."""
        return self.ours_seconds is not None

    @property
    def ratio(self) -> float | None:
        """Our time to the oracle's, where a lever exists."""
        if not self.lever or not self.oracle_seconds:
            return None
        return inf if self.ours_seconds is None else self.ours_seconds / self.oracle_seconds


# JSON has no infinity: it is written as a word.
_OUTCOMES: TypeAdapter[list[Outcome]] = TypeAdapter(list[Outcome])


def to_json(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a JSON array."""
    return _OUTCOMES.dump_json(list(outcomes), indent=1).decode()


def from_json(text: str | bytes) -> list[Outcome]:
    """The outcomes of a JSON array.

    Raises:
        pydantic.ValidationError: it holds something else.
    """
    return _OUTCOMES.validate_json(text)


def outcome(played: Played) -> Outcome:
    """The figures of one world."""
    world, ours, nothing = played.world, played.ours, played.nothing.episode
    first, last = _words(played)
    helps = _lever_helps(played)
    return Outcome(
        seed=world.seed,
        labels=world.labels,
        alarm_at=nothing.alarm_at_seconds,
        first=first,
        last=last,
        held_by=_held_by(played),
        nothing_seconds=nothing.recovery_seconds,
        oracle_seconds=played.oracle.seconds if helps else None,
        ours_seconds=ours.recovery_seconds,
        lever=str(played.oracle.levers) if helps else "",
        pulled=tuple(dict.fromkeys(change.by for change in ours.changes)),
        harm=harm(played),
        forecast_error=forecast_error(played),
        waits=_waits(ours.notes),
        looks=len(told(ours.notes)),
        calls=played.calls,
        crashed=sum(note.status == "crashed" for note in ours.notes),
        unsupported=played.unsupported,
    )


# --- words -------------------------------------------------------------------------------------


def _words(played: Played) -> tuple[Word | None, Word | None]:
    """The first one, and the last one that was said while the lag was there."""
    alarm = played.nothing.episode.alarm_at_seconds
    if alarm is None:
        return None, None
    notes = [note for note in told(played.ours.notes) if note.at_seconds >= alarm]
    if not notes:
        return Word(at=alarm, said="", right=_right(played, alarm)), None
    threshold = played.world.scenario.threshold_seconds
    late = [n for n in notes if age_at(played.samples, n.at_seconds) >= threshold] or notes[:1]
    first, last = notes[0], late[-1]
    return _word(played, first), _word(played, last)


def _word(played: Played, note: Note) -> Word:
    return Word(at=note.at_seconds, said=note.cause, right=_right(played, note.at_seconds))


def _right(played: Played, at: float) -> tuple[str, ...]:
    """What it is right to say at a time: what binds, and that it will be over where it will."""
    scenario = played.world.scenario
    delay = played.world.drawn.undocumented.metric_delay
    threshold = scenario.threshold_seconds
    right = set(right_causes(played.samples, at, delay, threshold))
    if ends_soon(_left_alone(played, at), at, threshold):
        right.add(Cause.RECOVERING)
    return tuple(sorted(map(str, right)))


def _left_alone(played: Played, at: float) -> Sequence[Sample]:
    """What becomes of it with nothing done from a time on, as far as that was played: before our
    first change that is the world with nothing, and after it ours, until the next one."""
    changed = [change.at_seconds for change in played.ours.changes]
    if all(moment >= at for moment in changed):
        return played.nothing.samples
    until = min((moment for moment in changed if moment >= at), default=inf)
    return [sample for sample in played.samples if sample.at < until]


def _held_by(played: Played) -> dict[str, float]:
    found: dict[str, int] = {}
    for sample in played.nothing.samples:
        for word, count in sample.held_by:
            if word in RIGHT:
                found[word] = found.get(word, 0) + count
    total = sum(found.values())
    return {word: round(count / total, 3) for word, count in sorted(found.items())}


# --- time ----------------------------------------------------------------------------------


def _lever_helps(played: Played) -> bool:
    best, nothing = played.oracle.seconds, seconds(played.nothing.episode)
    return best < inf and nothing > max(SLOWER * best, best + HELPS_SECONDS)


def _waits(notes: Sequence[Note]) -> bool:
    acted = [note.status for note in told(notes)]
    return WAITING in acted and not {"applied", "settling"} & set(acted)


def forecast_error(played: Played) -> float | None:
    """Of the first figure that can be held against what happened: of the first set of changes that
    was made, or of leaving it as it is, before any change or since."""
    changed = [change.at_seconds for change in played.ours.changes]
    for note in told(played.ours.notes):
        if changed and note.at_seconds + 60 < changed[0]:
            continue
        error = _error(note, _option(note, played), played)
        if error is not None:
            return error
    return None


def _option(note: Note, played: Played) -> str:
    """What was made just then, or nothing, as the forecasts name it."""
    changes, at = played.ours.changes, note.at_seconds
    done = [change for change in changes if at <= change.at_seconds <= at + 60]
    named = dict.fromkeys(f"{change.setting} {change.after}" for change in done)
    return " + ".join(named) or NOTHING


def _error(note: Note, option: str, played: Played) -> float | None:
    found = next((line for line in note.forecast if line.option == option), None)
    if found is None or "cannot be computed" in found.note:
        return None
    foreseen = found.drains_in_seconds
    if foreseen is None:
        return None
    happened = _gone_in(played, note.at_seconds)
    soonest = foreseen if happened is None else min(foreseen, happened)
    if option == NOTHING and note.at_seconds + soonest > _next_change(played, note.at_seconds):
        return None  # it was not left as it is
    if happened is None:
        seen_for = played.ages[-1][0] - note.at_seconds
        return inf if foreseen < seen_for else None
    return abs(foreseen - happened) / max(happened, SHORTEST_FORECAST)


def _next_change(played: Played, since: float) -> float:
    """When we changed something again."""
    later = (change.at_seconds for change in played.ours.changes)
    return min((at for at in later if at > since), default=inf)


def _gone_in(played: Played, since: float) -> float | None:
    """Seconds until the backlog is gone: no record is older than is usual, or nothing has held the
    oldest for a while but its own batch, which may take longer now than was usual."""
    usual = max(GONE_SECONDS, played.world.usual_age)
    young = (at - since for at, age in played.ages if at > since and age < usual)
    return min(
        (*islice(young, 1), *islice(free_of_holders(played.samples, since), 1)), default=None
    )


def free_of_holders(samples: Sequence[Sample], since: float) -> Iterator[float]:
    """When nothing held the oldest records in several looks in a row, in seconds."""
    later = [sample for sample in samples if sample.at > since]
    for first in range(len(later) - FREE_LOOKS + 1):
        looks = later[first : first + FREE_LOOKS]
        if all(word in {WAITS, WORKS} for look in looks for word, _ in look.held_by):
            yield looks[0].at - since
