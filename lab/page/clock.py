"""The page's time: the world's seconds, counted from the alarm."""

from collections.abc import Sequence
from typing import NamedTuple

from lab.episode import Episode
from lab.page import words
from remediator.render.html.geometry import Scale, Tick, time_ticks

_HOVER_STEPS = 240
_LEAST_VIEW_SECONDS = 900


class Clock(NamedTuple):
    """The page's time axis: the world's seconds, told from the alarm on."""

    scale: Scale
    alarm: float | None

    @classmethod
    def of(cls, episodes: Sequence[Episode]) -> "Clock":
        """From a while before the first alarm until the slowest recovery, or to the end."""
        alarm = min((a for e in episodes if (a := e.alarm_at_seconds) is not None), default=None)
        horizon = max(episode.horizon_seconds for episode in episodes)
        if alarm is None:
            return cls(Scale(0, horizon), None)
        slowest = max((e.recovery_seconds or 0.0 for e in episodes), default=0.0)
        everyone = all(episode.recovery_seconds is not None for episode in episodes)
        seen = max(slowest * (1.2 if everyone else 2), _LEAST_VIEW_SECONDS)
        high = min(horizon, alarm + seen) if slowest else horizon
        return cls(Scale(max(0.0, alarm - 0.3 * (high - alarm)), high), alarm)

    def say(self, seconds: float) -> str:
        """A time as people say it."""
        return words.since_alarm(seconds - (self.alarm or 0.0))

    def place(self, seconds: float) -> float:
        """Percent from the left."""
        return self.scale.place(seconds)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """The axis' marks."""
        zero = self.alarm or 0.0
        shifted = Scale(self.scale.low - zero, self.scale.high - zero)
        return time_ticks(shifted, lambda s: words.duration(s) if s else "0", most=4)

    @property
    def steps(self) -> tuple[float, ...]:
        """Times to hover over."""
        return between(self.scale, _HOVER_STEPS)


def between(scale: Scale, steps: int) -> tuple[float, ...]:
    """Equal steps over a scale, both ends included."""
    return tuple(scale.low + (scale.high - scale.low) * n / steps for n in range(steps + 1))
