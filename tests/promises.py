"""The invariants, looked at from outside: at every write, at every claim, and between invocations.

Numbers are those of the ten invariants; of 5, 9 and 10 what the end alone can show. What is checked
is what the small account and the journal hold, never what a report says of itself; for 9 it is the
reports and notices that people got.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediator.decide import learned
from remediator.events.requests import FollowUpDue
from remediator.execution import FOUND
from remediator.model import Cause, Incident, Mode, RemedyName, Resource, ResourceKind, Value
from remediator.policy import Autonomy
from remediator.state import (
    ChangeState,
    Claim,
    EntryKind,
    IncidentState,
    Lease,
    TrackedChange,
)
from tests.histories import ACCOUNT, REGION
from tests.small_account import Author, Setting
from tests.small_lambda import TIMEOUT, Host

_RAISING = {"parallelization_factor", "shards", "reserved_concurrency"}


@dataclass(frozen=True)
class Write:
    """One call that changed something."""

    at: datetime
    mapping: str
    remedy: RemedyName
    forward: bool
    raising: bool
    plan: tuple[str, int] = ("", 0)
    """The incident's turn that made it."""


class Promises:
    """Watches a host. Every broken promise raises AssertionError where it is broken."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.writes: list[Write] = []
        self._turns: Counter[tuple[str, int, str, str]] = Counter()
        host.watch_write = self.on_write
        host.watch_claim = self.on_claim
        host.watch_end = self.hold

    # --- at a write -----------------------------------------------------------------------------

    def on_write(self, resource: Resource, values: Mapping[str, Value]) -> None:
        """Just before the account takes the values."""
        here = self.host.running
        assert here.mode is Mode.APPLY, "6: wrote in mode plan"
        held = {name: self.host.account.setting(resource, name).value for name in values}
        values = {name: value for name, value in values.items() if value != held[name]} or values
        covered = [self._covering(resource, name, value) for name, value in values.items()]
        state, tracked = covered[0]
        self._is_not_stopped(state)
        forward = tracked.state is ChangeState.INTENDED
        self._keeps_theirs(resource, values, forward=forward)
        self._captures(resource, values)
        if forward:
            self._is_once(state, tracked, resource, values)
        self._note(resource, values, state, tracked, forward=forward)

    def _is_not_stopped(self, state: IncidentState) -> None:
        """6: nothing is written that somebody had stopped by the time it was last asked, and it
        was asked in this invocation. A person's rollback in spite of a freeze goes on; one set
        after it holds what is left of it: the last word holds."""
        here = self.host.running
        assert "journal.frozen" in here.calls[-3:], "6: wrote without asking for a freeze"
        read_at = here.freeze_read_at
        assert read_at is not None
        asked_at = state.undo_asked_at
        for freeze in self.host.freezes(state.target.function if state.target else ""):
            in_spite_of = asked_at is not None and freeze.at <= asked_at
            assert in_spite_of or freeze.at >= read_at, "6: wrote though frozen"

    def _covering(
        self, resource: Resource, name: str, value: Value
    ) -> tuple[IncidentState, TrackedChange]:
        """8: the journalled change that this write carries out."""
        for state in self.host.states():
            for tracked in state.changes:
                change = tracked.change
                if change.resource != resource or change.setting != name:
                    continue
                intended = tracked.state is ChangeState.INTENDED and change.after == value
                undoing = tracked.state is ChangeState.UNDOING and change.before == value
                if intended or undoing:
                    kind = EntryKind.INTENT if intended else EntryKind.UNDOING
                    entries = self.host.journal.entries(state.incident_id)
                    assert any(
                        entry.kind is kind and entry.data["setting"] == name for entry in entries
                    ), f"8: {name} is in the state, but no entry says so"
                    return state, tracked
        raise AssertionError(f"8: {name} = {value!r} of {resource} is not journalled")

    def _keeps_theirs(
        self, resource: Resource, values: Mapping[str, Value], *, forward: bool
    ) -> None:
        """3: a rollback overwrites only what is ours; a plan only what it was made from."""
        for name, value in values.items():
            held = self.host.account.setting(resource, name)
            if held.value == value:
                continue
            if not forward:
                _, undone = self._covering(resource, name, value)
                if undone.detail == FOUND:  # a person has set the very value of a dead write
                    held.theirs = value
                    continue
                assert held.author is Author.US, f"3: took back {name}, which is a human's"
                continue
            _, tracked = self._covering(resource, name, value)
            assert held.value == tracked.change.before, f"3: {name} is not what the plan saw"

    def _captures(self, resource: Resource, values: Mapping[str, Value]) -> None:
        """1 and 2: nothing is discarded uncaptured, and no record is too old."""
        if resource.kind is not ResourceKind.EVENT_SOURCE_MAPPING:
            return
        pipeline = self.host.account.owner(resource)

        def after(name: str) -> Value:
            return values.get(name, pipeline.of_mapping(name))

        assert values.get("maximum_record_age_seconds", -1) == -1, "1: a record age was set"
        if values.get("maximum_retry_attempts", -1) != -1:
            assert after("on_failure_destination"), "1: retries end and nothing captures"

    def _is_once(
        self,
        state: IncidentState,
        tracked: TrackedChange,
        resource: Resource,
        values: Mapping[str, Value],
    ) -> None:
        """7: one turn of an incident changes a setting once."""
        for name, value in values.items():
            if self.host.account.setting(resource, name).value != value:
                key = (state.incident_id, tracked.turn, str(resource), name)
                self._turns[key] += 1
                assert self._turns[key] == 1, f"7: {name} changed twice in one turn"

    def _note(
        self,
        resource: Resource,
        values: Mapping[str, Value],
        state: IncidentState,
        tracked: TrackedChange,
        *,
        forward: bool,
    ) -> None:
        """6: within the budgets, and no raise before the last one can have shown.

        Shards that one plan splits, one after another, are one change; and what one plan raises
        together shows together.
        """
        raising = forward and bool(_RAISING & set(values))
        mapping = state.target.event_source_mapping if state.target else ""
        plan = state.incident_id, tracked.turn
        write = Write(self.host.now, mapping, tracked.change.remedy, forward, raising, plan)
        policy, budget = self.host.policy, self.host.policy.budget
        earlier = [w for w in self.writes if w.mapping == mapping]
        split = resource.kind is ResourceKind.HASH_RANGE and forward
        if split and any(w.plan == plan and w.remedy is write.remedy for w in earlier):
            return
        since = self.host.now - timedelta(seconds=budget.window_seconds)
        if forward:
            made = [w for w in self.writes if w.forward and w.at > since]
            assert len(made) < budget.per_account, "6: over the account's budget"
            assert sum(w.mapping == mapping for w in made) < budget.per_target, "6: over the budget"
        moved = [w.at for w in earlier if (w.raising or not w.forward) and w.plan != plan]
        if raising and moved:
            pause = self.host.now - max(moved)
            wait = timedelta(seconds=policy.cooldown.raise_seconds)
            assert pause + timedelta(seconds=15) >= wait, f"6: raised again after {pause}"
        self.writes.append(write)

    # --- at a claim -----------------------------------------------------------------------------

    def on_claim(self, claim: Claim) -> None:
        """4: what is promised now and what is seen in use leave the neighbours their share. AWS
        keeps a minimum free of reservations, not of use.

        Earlier claims of the same incident show in the metrics by now. The look lies somewhere
        between the invocation's begin and now.
        """
        account, now = self.host.account, self.host.now
        ledger = self.host.journal.ledger(ACCOUNT, REGION)
        claimed = claim.amount + ledger.claimed_by_others(claim.incident_id, now)
        margin = self.host.policy.limits.concurrency_margin
        began = self.host.running.deadline - TIMEOUT
        seen = min(account.in_use_as_seen(began), account.in_use_as_seen())
        minimum = self.host.policy.limits.unreserved_minimum
        kept = max(minimum, seen) if self._reserves(claim) else seen
        if self._takes_a_first_reservation(claim):
            kept = (
                minimum  # out of a pool that others use up: they keep AWS's minimum and the margin
            )
        free = account.pool - kept - margin
        assert claimed <= free, f"4: {claimed} claimed of {free} that are free: {ledger.claims}"

    def _takes_a_first_reservation(self, claim: Claim) -> bool:
        freedom = self.host.policy.remedies.get(RemedyName.RESERVE_CONCURRENCY)
        allowed = freedom is not None and freedom.autonomy is Autonomy.AUTO
        return allowed and not self._reserves(claim)

    def _reserves(self, claim: Claim) -> bool:
        """Whether the claim is for a reservation: only a function that has one asks for that."""
        state = self.host.journal.load(claim.incident_id)
        assert state
        assert state.target
        pipeline = self.host.account.pipelines[state.target.function]
        reserved = pipeline.settings[ResourceKind.FUNCTION, "reserved_concurrency"]
        return reserved.value is not None

    # --- between invocations --------------------------------------------------------------------

    def hold(self) -> None:
        """Between two invocations."""
        for state in self.host.states():
            self._is_not_forgotten(state)
        self._nothing_is_unowned()
        self._journal_agrees()

    def _is_not_forgotten(self, state: IncidentState) -> None:
        """8: an open incident is looked at again, or somebody was told that it is not."""
        if not state.open or begun_in_plan(state):
            return
        host, incident = self.host, state.incident_id
        scheduled = incident in host.woken
        queued = any(_is_about(due.event, state) for due in host.queue)
        lease = self._lease(state)
        live = lease is not None and lease.expires_at > host.now and not host.schedules
        assert scheduled or queued or live, f"8: {incident} is open, and nobody looks at it again"

    def _lease(self, state: IncidentState) -> Lease | None:
        uuid = state.target.event_source_mapping if state.target else ""
        return self.host.lease(uuid)

    def _nothing_is_unowned(self) -> None:
        """8: a value of ours that differs from theirs is known to the journal as ours."""
        ours = {
            (str(tracked.change.resource), tracked.change.setting, tracked.change.after)
            for state in self.host.states()
            for tracked in state.changes
            if tracked.ours_to_undo
        }
        for resource, name, setting in settings_of(self.host):
            if self._is_under_way(resource) or self._is_given_over(resource, name):
                continue
            if setting.author is Author.US and setting.value != setting.theirs:
                known = (str(resource), name, setting.value) in ours
                assert known, f"8: {name} = {setting.value!r} is ours, and the journal forgot it"

    def _is_under_way(self, resource: Resource) -> bool:
        """Whether an update has been accepted and does not show yet."""
        is_mapping = resource.kind is ResourceKind.EVENT_SOURCE_MAPPING
        return is_mapping and self.host.account.owner(resource).update is not None

    def _is_given_over(self, resource: Resource, name: str) -> bool:
        """What went with its mapping, and a destination that a human's own retries lean on."""
        pipeline = self.host.account.owner(resource)
        if name != "on_failure_destination":
            return pipeline.gone
        retries = pipeline.settings[ResourceKind.EVENT_SOURCE_MAPPING, "maximum_retry_attempts"]
        return pipeline.gone or (retries.author is Author.HUMAN and retries.value != -1)

    def _journal_agrees(self) -> None:
        """8: what the journal calls applied is what the setting holds, unless a human came."""
        newest: dict[tuple[str, str], TrackedChange] = {}
        for state in self.host.states():
            for tracked in state.changes:
                key = str(tracked.change.resource), tracked.change.setting
                if key not in newest or newest[key].at <= tracked.at:
                    newest[key] = tracked
        for resource, name, setting in settings_of(self.host):
            if self._is_under_way(resource):
                continue
            last = newest.get((str(resource), name))
            if last and last.state is ChangeState.APPLIED and setting.author is Author.US:
                assert setting.value == last.change.after, f"8: {name} is not as journalled"


def begun_in_plan(state: IncidentState) -> bool:
    """Died while it was only to be described: nothing was made, and the next alarm goes on with
    it."""
    return state.follow_up_at is None and not state.changes


def every_setting_is_accounted_for(host: Host) -> None:
    """8, of the final world alone: each setting is what it was, or what a person made it, or owned
    by an open incident that is looked at again, or kept on purpose, as people were told."""
    states = host.states()
    for resource, name, setting in settings_of(host):
        pipeline = host.account.owner(resource)
        if setting.author is not Author.US or setting.value == setting.theirs or pipeline.gone:
            continue
        ours = [
            (state, t)
            for state in states
            for t in state.in_effect
            if (t.change.resource, t.change.setting) == (resource, name)
            and t.change.after == setting.value
        ]
        leans = name == "on_failure_destination" and _theirs_lean_on_it(host, resource)
        owned = any(state.open and state.incident_id in host.woken for state, _ in ours)
        kept = any(t.kept for _, t in ours)
        assert owned or kept or leans, f"8: {name} = {setting.value!r} is left behind"
        assert not (kept and any(t.endangers for _, t in ours if t.kept)), f"1: {name} was kept"


def what_stands_behind_is_spared(host: Host) -> None:
    """5, of the final world alone: what an incident raised, and has learned to be too much for what
    stands behind, is not left in effect when it is closed."""
    for state in host.states():
        if state.learned is Cause.DOWNSTREAM_SATURATED and not state.open:
            raised = [t.change.setting for t in state.in_effect if learned.raised(t)]
            assert not raised, f"5: {raised} is left raised though what stands behind is saturated"


def every_answer_is_explained(host: Host) -> None:
    """9, of what people got: each cause with its path, each refusal with its guardrail and reason,
    each outcome with why; and nobody is told the same thing of an incident twice in a row."""
    for report in host.reports:
        if report.diagnosis is not None:
            path = report.diagnosis.path
            assert path, f"9: {report.diagnosis.cause} without a path"
            assert all(step.because for step in path), f"9: a step without a reason: {path}"
        for one in report.plan.changes:
            assert one.ruling.guardrail, f"9: {one} is ruled on by nobody"
            assert one.ruling.reason, f"9: {one} is ruled on without a reason"
        made = any(result.in_effect for result in report.outcome.results)
        assert made or report.outcome.reason, f"9: {report.outcome.status} without a reason"
    told: dict[str, tuple[object, ...]] = {}
    incidents = {state.incident_id for state in host.states()}
    for notice in host.notices:
        said: Any = notice.detail
        if said["incident_id"] not in incidents:  # a person's own freeze, answered each time
            continue
        if "could not be made" in said["outcome"]["reason"]:  # of each look, with no record to ask
            continue
        outcome, cause = said["outcome"] | {"at": None}, (said["diagnosis"] or {}).get("cause")
        news = notice.kind, cause, outcome, said["plan"]["digest"]
        assert told.get(said["incident_id"]) != news, f"9: told twice: {notice.subject}"
        told[said["incident_id"]] = news


def nobody_else_on_the_stream_is_harmed(host: Host) -> None:
    """10, of the final world alone: a retention is not shorter than people left it, and no shard of
    a stream that is not said to be ours alone was split unless a person allowed it."""
    for _, name, setting in settings_of(host):
        if name == "retention_hours":
            kept, theirs = int(setting.value or 0), int(setting.theirs or 0)
            assert kept >= theirs, "10: the retention is shorter than it was"
    for state in host.states():
        split = [t for t in state.changes if t.change.setting == "shards"]
        if split and not host.policy.is_ours_alone(state.target.stream if state.target else ""):
            kinds = {entry.kind for entry in host.journal.entries(state.incident_id)}
            assert EntryKind.APPROVAL in kinds, (
                "10: shards of everybody's stream were split unasked"
            )


AT_THE_END = (
    every_setting_is_accounted_for,
    what_stands_behind_is_spared,
    every_answer_is_explained,
    nobody_else_on_the_stream_is_harmed,
)


def _theirs_lean_on_it(host: Host, resource: Resource) -> bool:
    retries = host.account.setting(resource, "maximum_retry_attempts")
    return retries.author is Author.HUMAN and retries.value != -1


def settings_of(host: Host) -> Iterator[tuple[Resource, str, Setting]]:
    """Every setting of the account, once."""
    seen: set[tuple[str, str]] = set()
    for pipeline in host.account.pipelines.values():
        ids = {
            ResourceKind.EVENT_SOURCE_MAPPING: pipeline.uuid,
            ResourceKind.FUNCTION: pipeline.function,
            ResourceKind.STREAM: pipeline.target.source_arn,
        }
        for (kind, name), setting in pipeline.settings.items():
            if (ids[kind], name) not in seen:
                seen.add((ids[kind], name))
                yield Resource(kind=kind, id=ids[kind]), name, setting
        for name, setting in pipeline.ranges.items():
            if (name, "shards") not in seen:
                seen.add((name, "shards"))
                yield Resource(kind=ResourceKind.HASH_RANGE, id=name), "shards", setting


def _is_about(event: object, state: IncidentState) -> bool:
    if isinstance(event, FollowUpDue):
        return event.incident_id == state.incident_id
    watched = event.watched if isinstance(event, Incident) else None
    uuid = state.target.event_source_mapping if state.target else None
    return watched is not None and watched.event_source_mapping == uuid
