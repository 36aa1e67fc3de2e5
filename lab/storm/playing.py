"""The storm itself: alarms come in, five of us work them off, each in its own time.

The runbook and everything that talks to AWS are the real ones, down to the SDK's requests. Of the
deployment it takes the number that runs at once and the pace. The journal's table is in memory,
since moto's DynamoDB copies its table for each transaction; its calls are counted as requests.

The invocations of the five overlap in simulated time but run one after another, the one that is
behind first. What two at the very same moment may do to each other is tried elsewhere
(``tests/test_safe_hands.py``); here it is what a thousand do to the account.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from statistics import fmean
from threading import get_ident
from typing import NamedTuple

import boto3

from lab.bridge.network import CREDENTIALS, plugged
from lab.bridge.quotas import QUOTAS
from lab.memory_table import MemoryTable
from lab.storm.fleet import (
    ACCOUNT,
    CONCURRENCY_LIMIT,
    NEIGHBOURS_IN_USE,
    OWN_RESERVATION,
    REGION,
    Asked,
    Fleet,
    arn,
)
from remediator import wiring
from remediator.aws.clients import Clients
from remediator.aws.journal import TableJournal
from remediator.aws.pace import SHARED
from remediator.environment import Settings
from remediator.events.names import new_incident_id
from remediator.events.requests import FollowUpDue
from remediator.model import Alarm, AlarmState, Incident, Mode, Report, Status, Watched
from remediator.policy import Budget, Policy
from remediator.runbook import Runbook
from remediator.wiring import Caller, Runtime

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATENCY_SECONDS = 0.05
# AWS's quota, of the whole account (Lambda Developer Guide: quotas).
LAMBDA_CONTROL_PER_SECOND = 15
SHIPPED_BUDGET = Budget()
# So that nothing but the concurrency bounds what is done.
NO_BUDGET = Budget(per_target=100, per_account=100_000)

Event = Incident | FollowUpDue


@dataclass(frozen=True)
class Storm:
    """How much comes in, and for how long it is watched."""

    alarms: int = 1000
    within_seconds: float = 60.0
    twice: float = 0.1
    """Which share of the alarms is delivered twice."""
    watched_seconds: float = 1200.0
    workers: int = OWN_RESERVATION
    """Of each stack."""
    budget: Budget = SHIPPED_BUDGET
    stacks: int = 1
    """That share the journal, and the alarms; what comes twice comes to another."""


class Turn(NamedTuple):
    """One invocation and what it cost."""

    started: datetime
    finished: datetime
    incident: str
    alarm: bool
    """Whether an alarm led to it; else a schedule of ours did."""
    requests: int
    """To AWS, those to the journal among them."""
    status: Status

    @property
    def first(self) -> bool:
        """Whether it began its incident."""
        return self.alarm and self.status is not Status.DUPLICATE


@dataclass
class Worker:
    """One execution environment: a process with its own clients, pace and time."""

    clients: Clients
    now: datetime
    stack: int = 0

    def sleep(self, seconds: float) -> None:
        """Time passes for this worker alone."""
        self.now += timedelta(seconds=seconds)


class Slots:
    """The shared slots of the pace, for workers that run one after another in overlapping time.

    Which slots are taken is kept, not where the row ends: a worker that is behind in time must not
    queue behind slots of a later time.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self.requests = 0

    def reserve(self, now: datetime, count: int) -> datetime:
        """The first so many slots in a row that are free from now on."""
        self.requests += 1
        first = ceil((now - START) / SHARED)
        while not self._taken.isdisjoint(range(first, first + count)):
            first += 1
        self._taken.update(range(first, first + count))
        return START + first * SHARED


@dataclass
class Figures:
    """What is worth knowing afterwards."""

    storm: Storm
    turns: list[Turn]
    fleet: Fleet
    margin: int

    @property
    def first_turns(self) -> list[Turn]:
        """The first turn of each incident, in the order in which they began."""
        return [turn for turn in self.turns if turn.first]

    @property
    def answered_after_seconds(self) -> float:
        """From the first alarm to the end of the last incident's first turn."""
        return (max(t.finished for t in self.first_turns) - START).total_seconds()

    @property
    def changes(self) -> Counter[str]:
        """Writes by mapping."""
        changed = {name: len(p.factors) - 1 for name, p in self.fleet.pipelines.items()}
        return Counter({name: count for name, count in changed.items() if count})

    @property
    def closest_changes_seconds(self) -> float | None:
        """The shortest time between two changes of one mapping; ``None``: none had two."""
        gaps = [
            (later - earlier).total_seconds()
            for pipeline in self.fleet.pipelines.values()
            for (earlier, _), (later, _) in pairwise(pipeline.factors[1:])
        ]
        return min(gaps, default=None)

    @property
    def least_free(self) -> int:
        """Unreserved concurrency that nobody used, at the worst moment."""
        pool = CONCURRENCY_LIMIT - self.fleet.reserved
        return pool - NEIGHBOURS_IN_USE - max(lanes for _, lanes in self.fleet.in_use)

    @property
    def must_stay_free(self) -> int:
        """What the policy leaves to the neighbours beside what they use."""
        return self.margin

    @property
    def lambda_peak(self) -> int:
        """The most requests to Lambda's control plane in any one second."""
        times = sorted(asked.at for asked in self.fleet.asked if _is_control(asked))
        return max(_in_a_second(times), default=0)

    def count(self, status: Status) -> int:
        """How many invocations ended like this."""
        return sum(turn.status is status for turn in self.turns)

    @property
    def delivered_again(self) -> list[Turn]:
        """Alarms that came a second time."""
        return [turn for turn in self.turns if turn.alarm and not turn.first]

    @property
    def looked_for_nothing(self) -> list[Turn]:
        """Looks that gave way to others, since a schedule that was made is not taken back; and
        watches that found none missed."""
        return [t for t in self.turns if not t.alarm and t.status is Status.DUPLICATE]

    def cost(self, turns: Sequence[Turn]) -> float:
        """Mean requests a turn."""
        return fmean(turn.requests for turn in turns) if turns else 0.0

    def same_kind(self, status: Status) -> tuple[float, float]:
        """Mean requests of the first and of the last hundred first turns that ended like this."""
        same = [turn for turn in self.first_turns if turn.status is status]
        return self.cost(same[:100]), self.cost(same[-100:])


def _is_control(asked: Asked) -> bool:
    return asked.name.startswith("lambda:") and asked.name not in QUOTAS


def _in_a_second(times: Sequence[datetime]) -> Iterator[int]:
    first = 0
    for number, at in enumerate(times):
        while at - times[first] >= timedelta(seconds=1):
            first += 1
        yield number - first + 1


def play(storm: Storm) -> Figures:
    """Let it come down. Raises what an invocation raises: in a storm none may fail."""
    due, turns, slots = _alarms(storm), list[Turn](), Slots()
    fleet = Fleet(START, storm.alarms, OWN_RESERVATION * storm.stacks)
    journal = TableJournal(MemoryTable(lambda name: fleet.note(f"dynamodb:{name}")))
    end = START + timedelta(seconds=storm.watched_seconds)
    with plugged(fleet.answer, lambda _: None, REGION):
        workers = {
            stack: [Worker(Clients(_session()), START, stack) for _ in range(storm.workers)]
            for stack in range(storm.stacks)
        }
        while due:
            at, _, stack, event = heapq.heappop(due)
            worker = min(workers[stack], key=lambda one: one.now)
            worker.now = max(worker.now, at)
            if worker.now > end:
                break
            turns.append(_run(worker, fleet, journal, event, storm, slots))
            for number, (when, payload) in enumerate(fleet.take_schedules()):
                woken = FollowUpDue.model_validate(payload)
                heapq.heappush(due, (when, len(turns) + number / 100, stack, woken))
    limits = Policy().limits
    growth = ceil(limits.neighbour_growth * NEIGHBOURS_IN_USE)
    return Figures(storm, turns, fleet, max(limits.concurrency_margin, growth))


def _session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def _alarms(storm: Storm) -> list[tuple[datetime, float, int, Event]]:
    """Alarms, evenly over minute and stacks; some come a second time, five seconds later."""
    due: list[tuple[datetime, float, int, Event]] = []
    every = round(1 / storm.twice) if storm.twice else storm.alarms + 1
    for number in range(storm.alarms):
        at = START + timedelta(seconds=storm.within_seconds * number / storm.alarms)
        stack, other = number % storm.stacks, (number + 1) % storm.stacks
        due.append((at, -2.0 * storm.alarms + number, stack, _alarm(number, at)))
        if number % every == 0:
            again = at + timedelta(seconds=5)
            due.append((again, -1.0 * storm.alarms + number, other, _alarm(number, at)))
    heapq.heapify(due)
    return due


def _alarm(number: int, at: datetime) -> Incident:
    name = f"consumer-{number:04}"
    return Incident(
        incident_id=new_incident_id("storm", name),
        at=at,
        account_id=ACCOUNT,
        region=REGION,
        alarm=Alarm(name=f"{name}-age", state=AlarmState.ALARM),
        watched=Watched(function=name),
    )


def _run(
    worker: Worker, fleet: Fleet, journal: TableJournal, event: Event, storm: Storm, slots: Slots
) -> Turn:
    """One invocation, from the worker's now on."""
    home, started = get_ident(), worker.now
    asked_before = len(fleet.asked) + slots.requests

    def take_time() -> datetime:
        """The moment of a request. What threads ask side by side costs no time of its own."""
        asked_at = worker.now
        if get_ident() == home:
            worker.sleep(LATENCY_SECONDS)
        return asked_at

    fleet.serve(event.incident_id, take_time)
    runbook = _runbook(worker, journal, event, storm)
    worker.clients.keep_pace(lambda: worker.now, worker.sleep, slots.reserve)
    report = _answered(runbook, event)
    requests = len(fleet.asked) + slots.requests - asked_before
    alarm = isinstance(event, Incident)
    return Turn(started, worker.now, event.incident_id, alarm, requests, report.outcome.status)


def _answered(runbook: Runbook, event: Event) -> Report:
    return runbook.respond(event) if isinstance(event, Incident) else runbook.run(event)


def _runbook(worker: Worker, journal: TableJournal, event: Event, storm: Storm) -> Runbook:
    """As the deployment wires it, but for the journal and the budget."""
    settings = Settings(
        mode=Mode.APPLY,
        journal_table="in-memory",
        follow_up_role_arn=f"arn:aws:iam::{ACCOUNT}:role/follow-up",
    )
    us = arn("lambda", f"function:us{worker.stack or ''}")
    caller = Caller(f"{event.incident_id}-{worker.stack}-{worker.now:%H%M%S%f}", us)
    runtime = Runtime({}, lambda: worker.now, worker.sleep)
    wired = wiring.runbook(settings, caller, runtime, worker.clients)
    policy = wired.policy.model_copy(update={"budget": storm.budget})
    return wired._replace(journal=journal, policy=policy)
