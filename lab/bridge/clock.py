"""Simulated time as the remediator's code lives through it: waiting lets the plant run on."""

from datetime import datetime, timedelta

from lab.plant import World


class Death(BaseException):
    """The function's process ends here. No ``except Exception`` of the function's code sees it."""


class Crashed(Death):
    """Killed from outside: out of memory, a failed host, an injected crash."""


class TimedOut(Death):
    """Lambda ended the invocation at its timeout."""


class Clock:
    """The world's clock, and the deadline of the invocation that runs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deadline: datetime | None = None
        self._woken = world.env.event()

    def now(self) -> datetime:
        """Simulated time, aware UTC."""
        return self.world.now()

    def sleep(self, seconds: float) -> None:
        """Let the plant run on for ``seconds``. Raises TimedOut when the deadline comes first."""
        wake = self.now() + timedelta(seconds=max(0.0, seconds))
        if self.deadline is not None and wake >= self.deadline:
            self.run_until(self.deadline)
            raise TimedOut(f"the invocation had until {self.deadline.isoformat()}")
        self.run_until(wake)

    def run_until(self, when: datetime) -> None:
        """Let the plant run until ``when``; nothing happens if that is past."""
        if when > self.now():
            self.world.run_until(when)

    def run_until_woken(self, when: datetime) -> None:
        """As ``run_until``, but stop where ``wake`` is called."""
        env, seconds = self.world.env, (when - self.now()).total_seconds()
        if seconds > 0:
            self._woken = env.event()
            env.run(until=env.any_of([self._woken, env.timeout(seconds)]))

    def wake(self) -> None:
        """Called from inside the plant: stop it at this moment."""
        if not self._woken.triggered:
            self._woken.succeed()

    def remaining_ms(self) -> int:
        """Milliseconds left to the invocation; 0 outside of one."""
        if self.deadline is None:
            return 0
        return max(0, int((self.deadline - self.now()).total_seconds() * 1000))
