"""One turn: look, plan, guard, pay, schedule the next look, act, record."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain

from remediator.decide import verification
from remediator.decide.remedies import QUIET_CAUSES
from remediator.errors import ConflictError, PermanentError, TemporaryError
from remediator.model import (
    ChangeResult,
    ChangeStatus,
    FollowUp,
    FollowUpDecision,
    GuardedPlan,
    Mode,
    Outcome,
    Report,
    Status,
    Verdict,
)
from remediator.ports import Scheduler
from remediator.render import announcing
from remediator.runbook import memory, outcomes, owning, spending
from remediator.runbook.desk import ATTEMPTS, Desk, Look
from remediator.settings_table import CAPTURED, of
from remediator.state import (
    Entry,
    EntryKind,
    IncidentState,
    Lease,
)


def turn(
    desk: Desk,
    state: IncidentState,
    lease: Lease,
    look: Look | None = None,
) -> Report:
    """Look, plan, guard, act: once. What an interrupted turn left is settled first."""
    target = memory.target_of(state)
    if state.follow_up_at is None and watched(desk, state):
        state = wake_up_in(desk, state, lease, first_interval(desk, state))
    state = desk.make_executor().recover(state, lease)
    look = look or desk.look_for(target, state)
    guarded = desk.guarded(look, state.incident, desk.own_ledger(state, target), state.tried)
    if guarded.mode is Mode.PLAN:
        outcome = outcomes.on_paper(guarded, look.at)
        return end_turn(desk, state, lease, look, guarded, outcome)
    if not guarded.allowed:
        return end_turn(
            desk, state, lease, look, guarded, outcomes.without_action(guarded, look.at)
        )
    return act(desk, state, lease, look, guarded)


def watched(desk: Desk, state: IncidentState) -> bool:
    """Whether an incident is looked at again: where changes may be made, and where one of ours is
    in effect, whatever the mode is now."""
    acting = desk.mode_for(state.incident, state.target) is Mode.APPLY
    return acting or bool(memory.to_go_back(state))


def turn_approved(
    desk: Desk, state: IncidentState, lease: Lease, approved: GuardedPlan, by: str
) -> Report:
    """Make exactly what a person has approved, or nothing of it.

    The guardrails rule on that very plan again; where the cause is another by now, or is not proven
    any more, or one of its changes may not be made as it was proposed, it is planned anew, for
    another approval.
    """
    target = memory.target_of(state)
    who = Entry(
        incident_id=state.incident_id,
        kind=EntryKind.APPROVAL,
        at=desk.clock(),
        data={"by": by, "plan": approved.digest},
    )
    heard = state.model_copy(update={"approved_plan": None, "approved_by": ""})
    state = desk.need_journal().commit(heard, [who], lease, desk.clock())
    if state.follow_up_at is None and watched(desk, state):
        state = wake_up_in(desk, state, lease, first_interval(desk, state))
    state = desk.make_executor().recover(state, lease)
    look = desk.look_for(target, state)
    ledger = desk.own_ledger(state, target)
    guarded = desk.guarded(look, state.incident, ledger, approved=approved.plan)
    sure = look.diagnosis.proven or not approved.plan.proven
    same = look.diagnosis.cause is approved.plan.cause and sure
    if same and guarded.mode is Mode.APPLY and outcomes.is_exactly(guarded, approved):
        return act(desk, state, lease, look, guarded, approved=approved)
    return plan_anew(desk, state, lease, look, guarded if same else None)


def plan_anew(
    desk: Desk, state: IncidentState, lease: Lease, look: Look, refused: GuardedPlan | None
) -> Report:
    """What was approved is not what may be made now: nothing is, and the new plan waits."""
    why = "the world has changed since: planned again"
    if refused is not None and not refused.awaiting_approval:
        why = outcomes.without_action(refused, look.at).reason or why
    ledger = desk.own_ledger(state, memory.target_of(state))
    again = desk.guarded(look, state.incident, ledger, state.tried)
    outcome = outcomes.without_action(again, look.at)
    if again.mode is Mode.PLAN:
        outcome = outcomes.on_paper(again, look.at)
    elif again.allowed:
        outcome = outcome.model_copy(update={"status": Status.BLOCKED, "reason": ""})
    reason = ". ".join(dict.fromkeys(said for said in (why, outcome.reason) if said))
    outcome = outcome.model_copy(update={"reason": f"what was approved is not made: {reason}"})
    return end_turn(desk, state, lease, look, again, outcome)


def act(
    desk: Desk,
    state: IncidentState,
    lease: Lease,
    look: Look,
    guarded: GuardedPlan,
    *,
    approved: GuardedPlan | None = None,
) -> Report:
    guarded = pay(desk, state, look, guarded, approved=approved)
    if not guarded.allowed:
        return end_turn(
            desk, state, lease, look, guarded, outcomes.without_action(guarded, look.at)
        )
    if approved is not None and not outcomes.is_exactly(guarded, approved):
        return plan_anew(desk, state, lease, look, guarded)
    state = put_off(desk, state, lease, _pause_after(look, guarded))
    state = state.model_copy(
        update={
            **owning.noted(look),
            "turn": state.turn + 1,
            "before": verification.snapshot(look.at, look.signals),
            "cause": look.diagnosis.cause,
            "diagnosis": look.diagnosis,
            "quiet_since": None,
            "forecast_drains_in_seconds": announcing.drain_time(
                guarded.plan.forecast, {c.setting: c.after for c in guarded.allowed}
            ),
        }
    )
    executor = desk.make_executor(memory.target_of(state))
    state, results = executor.apply(state, lease, guarded)
    retry = None if approved else after_refusal(desk, look, state, results)
    if retry is not None:
        guarded = retry
        state, results = executor.apply(state, lease, guarded)
    outcome = Outcome(
        status=outcomes.status_of(results),
        reason=outcomes.reasons_of(results),
        results=results,
        at=desk.clock(),
    )
    return end_turn(desk, state, lease, look, guarded, outcome)


def _pause_after(look: Look, guarded: GuardedPlan) -> int:
    """Until the change shows; soon where several shards are split, one after another."""
    knobs = look.policy.follow_up
    splits = sum(of(change).one_by_one for change in guarded.allowed)
    return knobs.soon_seconds if splits > 1 else knobs.first_seconds


def after_refusal(
    desk: Desk,
    look: Look,
    state: IncidentState,
    results: Sequence[ChangeResult],
) -> GuardedPlan | None:
    """What may still be made once AWS has refused a part: batches split alone, where the consumer's
    role may not write to the destination; less reserved, where the account's own minimum is
    another than we thought."""
    refused = {r.change.setting: r.detail for r in results if r.status is ChangeStatus.REFUSED}
    minimum = owning.told_minimum(refused.values())
    uncaptured = any(row.name in refused for row in chain(*CAPTURED))
    if minimum is None and not uncaptured:
        return None
    again = desk.guarded(
        look._replace(unreserved_minimum=minimum),
        state.incident,
        desk.own_ledger(state, memory.target_of(state)),
        state.tried,
        usable=False if uncaptured else None,
    )
    return again if again.allowed else None


def pay(
    desk: Desk,
    state: IncidentState,
    look: Look,
    guarded: GuardedPlan,
    *,
    approved: GuardedPlan | None,
) -> GuardedPlan:
    """Claim the concurrency and spend the budget before acting (invariants 4 and 6).

    Another incident may be faster: then the ruling is repeated with what it has left.
    """
    that = approved.plan if approved else None
    journal, target = desk.need_journal(), memory.target_of(state)
    for _ in range(ATTEMPTS):
        ledger = journal.ledger(target.account_id, target.region)
        guarded = desk.guarded(
            look, state.incident, desk.own_ledger(state, target), state.tried, approved=that
        )
        if not guarded.allowed or (approved and not outcomes.is_exactly(guarded, approved)):
            return guarded
        try:
            journal.spend(
                target.account_id,
                target.region,
                desk.clock(),
                ledger,
                spending.claim_of(state, look, guarded),
                spending.spending(state, guarded, desk.clock()),
            )
        except ConflictError:
            continue
        return guarded
    raise TemporaryError("too many incidents act in this account at the same moment")


def end_turn(
    desk: Desk,
    state: IncidentState,
    lease: Lease,
    look: Look,
    guarded: GuardedPlan,
    outcome: Outcome,
    verdict: Verdict | None = None,
    follow_up: FollowUp | None = None,
) -> Report:
    journal = desk.need_journal()
    left = memory.to_go_back(state)
    watching = guarded.mode is Mode.APPLY or bool(left)
    if guarded.mode is Mode.PLAN and left:
        outcome = _left_by_a_lower_mode(state, outcome)
    pending, until = waiting(state, look, guarded, outcome)
    guarded = pending or guarded
    if watching and state.follow_up_at is None:
        state = wake_up_in(desk, state, lease, interval(state, look))
    if watching and look.diagnosis.cause in QUIET_CAUSES:
        state = put_off(desk, state, lease, look.policy.follow_up.every_seconds)
    if watching and outcome.status is Status.BLOCKED:
        state = await_the_end(desk, state, lease, guarded)
    state = state.model_copy(
        update={
            "stage": memory.stage_after(watching=watching, pending=pending is not None),
            "follow_up_at": state.follow_up_at if watching else None,
            "cause": look.diagnosis.cause,
            "learned": memory.taught(look.diagnosis, state) or state.learned,
            "diagnosis": look.diagnosis,
            "before": state.before or verification.snapshot(look.at, look.signals),
            "pending": pending,
            "pending_until": until,
            "updated_at": desk.clock(),
            **owning.noted(look),
        }
    )
    follow_up = follow_up or FollowUp(
        decision=FollowUpDecision.WAIT if watching else FollowUpDecision.NONE,
        at=state.follow_up_at if watching else None,
        number=state.follow_up_number,
        because="to see whether it helped" if outcome.results else "to look again",
    )
    report = desk.report_of(
        state.incident,
        look,
        guarded,
        outcome,
        verdict=verdict,
        follow_up=follow_up,
        state=state,
    )
    state, fresh = memory.announced(state, report)
    journal.commit(state, record(desk, state, look, guarded, report), lease, desk.clock())
    if fresh:
        desk.tell(report)
    return report


def waiting(
    state: IncidentState, look: Look, guarded: GuardedPlan, outcome: Outcome
) -> tuple[GuardedPlan | None, datetime | None]:
    """The plan that waits for approval, and until when.

    The one that people were told of stays it for as long as it is valid and answers the same
    question; another look neither changes it under their hands nor prolongs it.
    """
    if outcome.status is not Status.AWAITING_APPROVAL:
        return None, None
    there, until = state.pending, state.pending_until
    valid = there is not None and until is not None and look.at <= until
    if valid and there is not None and outcomes.asks_the_same(there, guarded):
        return there, until
    return guarded, look.at + timedelta(seconds=look.policy.approval_valid_seconds)


def _left_by_a_lower_mode(state: IncidentState, outcome: Outcome) -> Outcome:
    """Mode is plan, and a change of ours is there: people are told, and it is come back to."""
    reason = (
        f"{outcome.reason}; still in effect from before: {memory.in_effect_words(state)}; "
        "watched on, and put back once the mode is apply again"
    )
    return outcome.model_copy(update={"reason": reason})


def record(
    desk: Desk, state: IncidentState, look: Look, guarded: GuardedPlan | None, report: Report
) -> list[Entry]:
    """The append-only records of a turn: evidence digest, diagnosis, rulings, outcome."""
    facts: list[tuple[EntryKind, dict[str, object]]] = [
        (EntryKind.EVIDENCE, look.signals.model_dump(mode="json", exclude_none=True)),
        (EntryKind.DIAGNOSIS, look.diagnosis.model_dump(mode="json")),
    ]
    facts += [
        (EntryKind.RULING, guarded_change.model_dump(mode="json"))
        for guarded_change in (guarded.changes if guarded else ())
    ]
    told = report.model_dump(mode="json", include=_TOLD, exclude_defaults=True)
    facts.append((EntryKind.OUTCOME, report.outcome.model_dump(mode="json") | {"told": told}))
    if report.verdict is not None:
        facts.append((EntryKind.VERDICT, report.verdict.model_dump(mode="json")))
    facts.append((EntryKind.FOLLOW_UP, report.follow_up.model_dump(mode="json")))
    now = desk.clock()
    return [
        Entry(incident_id=state.incident_id, kind=kind, at=now, data=data) for kind, data in facts
    ]


_TOLD = {
    "forecast",
    "poison",
    "escalation",
    "next_commands",
    "notes",
    "recovered_in_seconds",
    "forecast_error_seconds",
}
"""What of a report stands nowhere else in the journal: kept for who reads it a month later."""


def wake_up_in(desk: Desk, state: IncidentState, lease: Lease, seconds: float) -> IncidentState:
    """Schedule the next look before anything else is done, so that none is forgotten; the first
    one together with a watch."""
    if state.follow_up_at is None:
        keep_watch(desk, state.incident_id)
    at = schedule_look(desk, state.incident_id, state.follow_up_number + 1, seconds)
    state = state.model_copy(update={"follow_up_at": at, "updated_at": desk.clock()})
    return desk.need_journal().commit(state, (), lease, desk.clock())


def put_off(desk: Desk, state: IncidentState, lease: Lease, seconds: float) -> IncidentState:
    """Look again no sooner than there is something to see; an earlier look gives way to it."""
    due = state.follow_up_at
    if due is not None and due >= desk.clock() + timedelta(seconds=seconds):
        return state
    if due is not None:
        state = state.model_copy(update={"follow_up_number": state.follow_up_number + 1})
    return wake_up_in(desk, state, lease, seconds)


def await_the_end(
    desk: Desk, state: IncidentState, lease: Lease, guarded: GuardedPlan
) -> IncidentState:
    """The next look when the first of the refusals ends, where that is known: those in between
    would see the same. A change that is in effect is not looked at later for that."""
    ends = [change.ruling.until for change in guarded.changes if change.ruling.until is not None]
    due, soon = state.follow_up_at, desk.policy.follow_up.soon_seconds
    if not ends or due is None:
        return state
    left = (min(ends) - desk.clock()).total_seconds() + 1
    seconds = min(SLOW_SECONDS, max(soon, left))
    later = (desk.clock() + timedelta(seconds=seconds) - due).total_seconds()
    if abs(later) < soon / 2 or (later > 0 and state.in_effect):
        return state
    state = sooner(desk, state, seconds)
    return desk.need_journal().commit(state, (), lease, desk.clock())


def schedule_look(
    desk: Desk, incident_id: str, number: int, seconds: float, *, tries: int = 0
) -> datetime:
    """Ask to be woken for a look.

    Its name has the time in it: what somebody who died has scheduled under the same number, for
    another time, must not stand in its way. ``tries``: how often it could not be made; then it is
    one however often it is asked for.
    """
    at = desk.clock() + timedelta(seconds=seconds)
    payload = {"follow_up": incident_id, "number": number} | ({"tries": tries} if tries else {})
    word = "again" if tries else f"{at:%H%M%S}"
    _scheduler(desk).schedule(f"remediator-{incident_id}-{number}-{word}", at, payload)
    return at


WATCH_MINUTES = 15
"""How often an open incident is seen to have a next look."""


def keep_watch(desk: Desk, incident_id: str) -> None:
    """Be woken until the incident is closed, however the looks end: each schedules the next, but
    one that is killed whenever it is tried, or never starts, schedules nothing."""
    payload = {"follow_up": incident_id, "watch": True}
    _scheduler(desk).watch(_watch_of(incident_id), WATCH_MINUTES, payload)


def end_watch(desk: Desk, incident_id: str) -> None:
    """Nothing is left to be looked at."""
    _scheduler(desk).end_watch(_watch_of(incident_id))


def _watch_of(incident_id: str) -> str:
    return f"remediator-{incident_id}-watch"


def _scheduler(desk: Desk) -> Scheduler:
    if desk.scheduler is None:
        raise PermanentError("there is no scheduler: what is changed could not be checked")
    return desk.scheduler


def sooner(desk: Desk, state: IncidentState, seconds: float) -> IncidentState:
    """The state with a look scheduled in place of the one that was, which counts for none; to be
    committed.

    Without a scheduler (by hand) the look that is scheduled already has to do.
    """
    if desk.scheduler is None:
        return state
    number = state.follow_up_number + 1
    at = schedule_look(desk, state.incident_id, number + 1, seconds)
    return state.model_copy(
        update={
            "follow_up_number": number,
            "looks_from": state.looks_from + 1,
            "follow_up_at": at,
        }
    )


QUICK_LOOKS = 6
"""Looks of an incident that may follow each other quickly; what has not shown then takes time."""


LATE = timedelta(minutes=2)
"""A look that comes so late tells that many incidents wait for theirs: then nobody hurries."""


def _in_time(now: datetime, due: datetime | None) -> bool:
    return due is None or now - due < LATE


def first_interval(desk: Desk, state: IncidentState) -> int:
    """Soon, lest an invocation that dies here is missed for long; unless a storm is on."""
    knobs = desk.policy.follow_up
    return knobs.soon_seconds if _in_time(desk.clock(), state.incident.at) else knobs.first_seconds


QUIET_SECONDS = 900
"""Between looks while something waits to be put back in a quieter moment."""

SLOW_SECONDS = 3600
"""Between looks when those that may act are used up, for as long as a change is in effect."""


def _waits_for_more(state: IncidentState, look: Look) -> bool:
    """Whether the next minute may show what to do, while each one costs: nothing was done yet, or
    batches are split and the record is not alone yet."""
    if state.looks_made >= QUICK_LOOKS:
        return False
    if state.in_effect:
        return verification.probing(state)
    return look.diagnosis.cause not in QUIET_CAUSES


def gives_up_records(state: IncidentState) -> bool:
    """Whether something of ours may give records up: then it is seen to often that they are taken,
    also while all is quiet, and such a look uses none up."""
    return any(tracked.endangers for tracked in state.in_effect)


def interval(state: IncidentState, look: Look) -> int:
    """Longer while a long drain goes well, so that a bounded number of looks covers hours."""
    every = look.policy.follow_up.every_seconds
    if state.looks_made >= look.policy.follow_up.most:
        return max(every, SLOW_SECONDS)
    if state.going_on:
        return look.policy.follow_up.soon_seconds
    if state.quiet_since is not None:
        quiet_until = state.quiet_since + timedelta(seconds=look.policy.follow_up.quiet_seconds)
        left = (quiet_until - look.at).total_seconds()
        if left > 0 and gives_up_records(state):
            return min(every, look.policy.follow_up.soon_seconds)
        return int(max(every, left if left > 0 else QUIET_SECONDS))
    if _waits_for_more(state, look) and _in_time(look.at, state.follow_up_at):
        return look.policy.follow_up.soon_seconds
    if not state.in_effect:
        # Nothing of ours to judge: look less often, for longer. A new alarm is a look, too.
        every = min(every * (1 + state.looks_made // 3), 1800)
    if not look.signals.falling or not look.signals.age_slope:
        return every
    left = (look.signals.age_seconds or 0.0) / -look.signals.age_slope
    return int(min(max(every, left / 2), 3600))
