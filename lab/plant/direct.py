"""What invokes a function beside its mappings: it comes from no stream, so it has no age."""

import simpy

from lab.plant.chance import chance
from lab.plant.clock import Clock
from lab.plant.function import Function, Logged, Run
from lab.plant.specs import DirectCalls

# How soon a rate of zero is looked at again.
QUIET_SECONDS = 60.0


class CallsOfOthers:
    """Calls at random times, at the rate of the moment; a throttled one is the caller's affair."""

    def __init__(self, function: Function, spec: DirectCalls, clock: Clock, seed: int) -> None:
        self._function = function
        self._spec = spec
        self._clock = clock
        self._rng = chance(seed, "direct calls", function.name)
        self._wait()

    def _wait(self) -> None:
        rate = self._spec.rate(self._clock.env.now)
        if rate > 0:
            self._clock.after(self._rng.expovariate(rate), self._call)
        else:
            self._clock.after(QUIET_SECONDS, lambda _event: self._wait())

    def _call(self, _event: simpy.Event) -> None:
        now, function = self._clock.env.now, self._function
        if function.acquire(now):
            run = function.begin_direct(self._spec.seconds)
            self._clock.after(run.seconds + run.cold_seconds, lambda _event: self._end(now, run))
        self._wait()

    def _end(self, began: float, run: Run) -> None:
        self._function.end(run)
        ended, took = self._clock.env.now, run.seconds * 1000
        logged = Logged(ended, began, took, age_ms=None, failed=False, cpu_ms=0.0, resource=None)
        self._function.log.append(logged)
