"""A rehearsal: the unmodified remediator in a world, called by its alarms and schedules.

The handler runs between two steps of the plant, never inside one: what it is called for is put
into a queue; a driver runs the plant to the next one that is due and calls the handler, whose
AWS calls and sleeps run the plant on. Invocations run one after another.
"""

import atexit
import random
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from lab.bridge.alarms import Alarm, Alarms
from lab.bridge.bridge import Bridge
from lab.bridge.calls import Call, FaultPlan
from lab.bridge.clock import Clock, Death
from lab.bridge.deployment import TEMPLATE, deploy
from lab.bridge.function import Function, LambdaContext, remediator
from lab.bridge.invocations import Invocation, Invocations
from lab.bridge.schedules import Schedules
from lab.bridge.services.base import Aws
from lab.bridge.shapes import Delivery, alarm_event
from lab.memory_table import MemoryTable
from lab.plant import World
from remediator.aws.claims import claims
from remediator.wiring import Runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under what conditions the remediator works. Times are simulated seconds."""

    invocation_delay_seconds: float = 1.0
    """From an alarm's change or a schedule's firing to the handler's first line."""
    latency_seconds: float = 0.1
    """One AWS call of the handler's own thread; calls side by side in other threads cost none."""
    faults: FaultPlan | None = None
    lambda_calls_of_others_per_second: float = 0.0
    """What CI and people take of the account's 15 requests a second."""
    metric_page_datapoints: int = 100_800
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Tags by ARN. A stream's ``remediator: managed`` opts it in."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the handler: what it was called with, when, and what it returned or raised."""

    event: Any
    started: datetime
    finished: datetime
    attempt: int
    result: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was given up after its last retry."""

    event: Any
    error: BaseException
    at: datetime


class Rehearsal:
    """One deployment in one world; afterwards its reports, calls, notices and dead letters.

    ``parameters`` are the template's; ``policy_text`` is a guardrails file in place of the one
    that ships. ``function`` is what is deployed: the remediator's handler unless told otherwise,
    and ``asks`` whether it asks AWS anything.
    """

    def __init__(
        self,
        world: World,
        target_function: str,
        parameters: Mapping[str, Any] | None = None,
        policy_text: str | None = None,
        delivery: Delivery = "lambda",
        *,
        conditions: Conditions | None = None,
        function: Function = remediator,
        template: Path = TEMPLATE,
        asks: bool = True,
    ) -> None:
        claims.cache_clear()  # another deployment: no process of it has asked yet
        self.conditions = conditions or Conditions()
        self.world = world
        self.delivery = delivery
        self.reports: list[Report] = []
        self.dead_letters: list[DeadLetter] = []
        self.transitions: list[tuple[datetime, str, str]] = []
        self._function = function
        self._table: MemoryTable | None = None
        self._clock = Clock(world)
        self.aws = _account(world, self.conditions)
        self.aws.alarms.on_transition.append(self._alarm_moved)
        self.deployment = deploy(
            self.aws,
            self._parameters(target_function, parameters or {}, policy_text),
            template,
            asks=asks,
        )
        self._bridge = _bridge(self.aws, self._clock, self.conditions)
        self._queue = Invocations(
            self.conditions.seed,
            self.deployment.retry_attempts,
            self.deployment.maximum_event_age_seconds,
        )
        random.seed(f"SDK retries {self.conditions.seed}")

    def _parameters(
        self, target: str, given: Mapping[str, Any], policy_text: str | None
    ) -> dict[str, Any]:
        ours = {
            "TargetFunction": target,
            "AlarmDelivery": "sns" if self.delivery == "sns" else "lambda",
        }
        if policy_text is not None:
            ours["PolicyFile"] = str(_policy_file(policy_text))
        return ours | dict(given)

    # --- results -------------------------------------------------------------------------------

    @property
    def calls(self) -> Sequence[Call]:
        """Every request of the handler's SDK, in order."""
        return self._bridge.calls

    @property
    def unsupported(self) -> Sequence[str]:
        """What it asked for and the lab does not know: it was denied."""
        return self._bridge.unsupported

    @property
    def notices(self) -> list[Mapping[str, Any]]:
        """What was published to the Notices topic: TopicArn, Subject, Message."""
        return [c.params for c in self.calls if c.name == "sns:Publish" and c.error is None]

    @property
    def bus_events(self) -> list[Mapping[str, Any]]:
        """What was put on the event bus."""
        puts = [c for c in self.calls if c.name == "events:PutEvents" and c.error is None]
        return [entry for call in puts for entry in call.params["Entries"]]

    # --- driving -------------------------------------------------------------------------------

    def invoke(self, event: Any) -> Report:
        """Call the handler now, by hand, as a synchronous invocation: no retries.

        What it raised stands in the report's ``error``.
        """
        with self._bridge.plugged():
            now = self.world.now()
            return self._run(self._queue.new(event, now, now))

    def send(self, event: Any, delay_seconds: float | None = None) -> None:
        """Deliver an event asynchronously, as CloudWatch, SNS and the Scheduler do."""
        delay = self.conditions.invocation_delay_seconds if delay_seconds is None else delay_seconds
        now = self.world.now()
        self._queue.push(self._queue.new(event, now + timedelta(seconds=delay), now))

    def put_alarm(self, name: str, properties: Mapping[str, Any]) -> None:
        """An alarm of somebody else, as CloudFormation's properties: the account has it too."""
        self.aws.alarms.put(name, self.aws.arn("cloudwatch", f"alarm:{name}"), dict(properties))

    def put_log_alarm(self, name: str, state: str) -> None:
        """An alarm on what Logs Insights finds, in a state that does not change."""
        self.aws.log_alarms[name] = state

    def keep_in_memory(self) -> None:
        """Have a journal in memory in the place of DynamoDB's table: its calls count and take their
        time as before, and nothing is put on the wire, which a sweep of worlds would wait for."""
        self._table = MemoryTable(lambda operation: self._bridge.count("dynamodb", operation))

    def redeploy(self, function: Function) -> None:
        """Put something else in the remediator's place, from now on."""
        self._function = function

    def run_until(self, until: datetime | float) -> None:
        """Run the world, and the handler whenever it is called, until a time or to that second.

        A handler that runs when the time comes finishes first.
        """
        end = until if isinstance(until, datetime) else self._at(until)
        with self._bridge.plugged():
            while self.world.now() < end or self._overdue():
                self._clock.run_until_woken(self._next_stop(end))
                self._fire_schedules()
                for invocation in self._queue.pop_due(self.world.now()):
                    self._run_asynchronously(invocation)

    def _at(self, seconds: float) -> datetime:
        return self.world.start + timedelta(seconds=seconds)

    def _overdue(self) -> bool:
        due = self._queue.next_due()
        return due is not None and due <= self.world.now()

    def _next_stop(self, end: datetime) -> datetime:
        coming = (self._queue.next_due(), self.aws.schedules.next_due())
        return min([end, *(due for due in coming if due is not None)])

    def _fire_schedules(self) -> None:
        for schedule in self.aws.schedules.fire(self.world.now()):
            if schedule.request["Target"]["Arn"] == self.deployment.function_arn:
                self.send(schedule.event)

    def _alarm_moved(self, alarm: Alarm) -> None:
        self.transitions.append((alarm.state.at, alarm.name, alarm.state.value))
        if any(map(self.deployment.reaches_function, alarm.actions)):
            self.send(alarm_event(alarm, self.delivery))
            self._clock.wake()

    # --- one invocation ------------------------------------------------------------------------

    def _run_asynchronously(self, invocation: Invocation) -> None:
        report = self._run(invocation)
        now = self.world.now()
        if report.error is not None and not self._queue.push_again(invocation, now):
            self.dead_letters.append(DeadLetter(invocation.event, report.error, now))

    def _run(self, invocation: Invocation) -> Report:
        """One run of the handler."""
        started = self.world.now()
        self._clock.deadline = started + timedelta(seconds=self.deployment.timeout_seconds)
        result, error = None, None
        try:
            result = self._function(invocation.event, self._context(invocation), self._runtime())
        except (Exception, Death) as raised:  # noqa: BLE001 as Lambda's runtime would
            error = raised
        finally:
            self._clock.deadline = None
        finished = self.world.now()
        report = Report(invocation.event, started, finished, invocation.attempt, result, error)
        self.reports.append(report)
        return report

    def _runtime(self) -> Runtime:
        runtime = Runtime(self.deployment.environ, self._clock.now, self._bridge.sleep)
        table = self._table
        return runtime if table is None else runtime._replace(table=lambda _clients, _name: table)

    def _context(self, invocation: Invocation) -> LambdaContext:
        return LambdaContext(
            function_name=self.deployment.function_name,
            invoked_function_arn=self.deployment.function_arn,
            memory_limit_in_mb=self.deployment.memory_mb,
            aws_request_id=invocation.request_id,
            remaining_ms=self._clock.remaining_ms,
        )


def _account(world: World, conditions: Conditions) -> Aws:
    return Aws(
        world=world,
        alarms=Alarms(world),
        schedules=Schedules(conditions.seed),
        tags=conditions.tags,
        metric_page_datapoints=conditions.metric_page_datapoints,
    )


def _bridge(aws: Aws, clock: Clock, conditions: Conditions) -> Bridge:
    return Bridge(
        aws,
        clock,
        latency_seconds=conditions.latency_seconds,
        faults=conditions.faults,
        lambda_calls_of_others_per_second=conditions.lambda_calls_of_others_per_second,
    )


@cache
def _policy_file(text: str) -> Path:
    """A file that holds the text, for as long as this process lives."""
    directory = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    path = directory / "guardrails.yml"
    path.write_text(text, encoding="utf-8")
    return path
