"""How long a mapping waits before it tries again."""

from random import Random

from lab.plant.knobs import Knobs


class Pacing:
    """Exponential waits up to a cap, with jitter; attempts count from 1."""

    def __init__(self, knobs: Knobs, rng: Random) -> None:
        self._knobs = knobs
        self._rng = rng

    def retry(self, attempt: int) -> float:
        """Before the n-th retry of a failed batch."""
        knobs = self._knobs
        initial, cap = knobs.retry_backoff_initial_seconds, knobs.retry_backoff_cap_seconds
        return self._backoff(attempt, initial, cap)

    def throttle(self, attempt: int) -> float:
        """Before the n-th new try of a throttled invocation."""
        knobs = self._knobs
        initial, cap = knobs.throttle_backoff_initial_seconds, knobs.throttle_backoff_cap_seconds
        return self._backoff(attempt, initial, cap)

    def read(self) -> float:
        """After a read that was throttled."""
        return self._jittered(self._knobs.read_throttle_backoff_seconds)

    def _backoff(self, attempt: int, initial: float, cap: float) -> float:
        return self._jittered(min(initial * 2.0 ** min(attempt - 1, 30), cap))

    def _jittered(self, seconds: float) -> float:
        share = self._knobs.backoff_jitter_share
        return seconds * self._rng.uniform(1 - share, 1 + share) if share else seconds
