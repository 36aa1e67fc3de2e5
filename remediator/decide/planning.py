"""Diagnosis + Evidence + Policy → Plan. The cheapest set of a cause's levers, first aid beside it.

Pure and deterministic. What does not fit says why, and stands in the escalation.
"""

from collections.abc import Mapping, Sequence
from functools import partial, reduce
from math import inf
from typing import NamedTuple

from remediator.decide import forecast, leaving
from remediator.decide.advice import escalated, next_commands
from remediator.decide.case import Case
from remediator.decide.known import as_far_as_known
from remediator.decide.leaving import BY_FAR
from remediator.decide.remedies import (
    FIRST_AID,
    QUIET_CAUSES,
    REMEDIES,
    TOGETHER,
    Pass,
    Remedy,
    poison,
)
from remediator.decide.remedies.base import leaning_on, restart_asks
from remediator.model import Cause, Change, Detail, Option, Plan, RemedyName
from remediator.policy import Autonomy
from remediator.settings_table import RESERVED_CONCURRENCY, RETRIES, of


class Candidate(NamedTuple):
    """A set of changes that go together, and when what waits would be gone with them."""

    changes: tuple[Change, ...] = ()
    drains_in: float | None = None
    """Seconds, with the mapping's restart where they restart it; infinite for never, ``None`` where
    it is not known."""
    restart_seconds: float = 0.0
    capacity: float = 0.0
    asks: bool = False
    """Whether a person is asked for it: what may be done at once goes before."""


def plan(incident_id: str, here: Case, tried: Sequence[RemedyName] = ()) -> Plan:
    """The cheapest set of the cause's levers that reaches the target, or why none is pulled."""
    cause = here.diagnosis.cause
    chosen, waits, passed = _choose(here, tried)
    aid, _ = _first_fit(FIRST_AID, here, tried)
    asks = _needs_a_person(here, chosen) and not waits
    return Plan(
        incident_id=incident_id,
        target=here.evidence.target,
        cause=cause,
        changes=(*aid, *chosen),
        waits=waits,
        escalation=escalated(here, passed) if asks else None,
        next_commands=(*_by_hand(here), *next_commands(here)),
        forecast=_told(here, chosen),
        proven=here.diagnosis.proven,
    )


def _by_hand(here: Case) -> tuple[str, ...]:
    return tuple(line for remedy in _in_order(here) for line in remedy.by_hand(here))


def _told(here: Case, chosen: Sequence[Change]) -> tuple[Option, ...]:
    """Every single option, and the set that was chosen where it is another."""
    cause = here.diagnosis.cause
    options = forecast.options(here.evidence, here.signals, here.policy, cause)
    known = {option.option for option in options}
    if here.flow is None or not chosen or cause in forecast.HELD:
        return options
    if forecast.name_of(chosen) in known:
        return options
    known_so_far = as_far_as_known(here.flow, here.evidence, here.signals, here.policy)
    after = here._replace(flow=known_so_far).after(chosen).flow or known_so_far
    return (*options, forecast.with_changes(known_so_far, after, chosen, here.policy.forecast))


def _choose(
    here: Case, tried: Sequence[RemedyName]
) -> tuple[tuple[Change, ...], str, tuple[str, ...]]:
    """The changes, why it is waited where that does as well, and why each lever was passed over.

    The order of the tables is that of the costs: the first set that reaches the target is taken,
    else the fastest. Where nothing can be forecast it is the first that fits.
    """
    cause = here.diagnosis.cause
    if why := poison.waits(here):
        return (), why, ()
    passed: list[str] = []
    candidates: list[Candidate] = []
    for remedy in _in_order(here):
        made, said = _first_fit((remedy,), here, tried)
        passed += said
        asks = _asks(here, remedy) or restart_asks(here, made)
        candidates += [_candidate(here, made, asks=asks)] if made else []
    for together in TOGETHER.get(cause, ()):
        if not all(here.diagnosis.detail in each.details for each in together):
            continue
        made = _made_together(together, here, tried)
        asks = any(_asks(here, remedy) for remedy in together) or restart_asks(here, made)
        candidates += [_candidate(here, made, asks=asks)] if made else []
    if not candidates:
        return (), "", tuple(passed)
    at_once = [one for one in candidates if not one.asks]
    best = _best(at_once or candidates, here)
    nothing = _candidate(here, ())
    if why := leaving.why(here, nothing.drains_in, best.drains_in, best.changes):
        return (), why, tuple(passed)
    return _with_gain(best, candidates), "", tuple(passed)


def _best(candidates: Sequence[Candidate], here: Case) -> Candidate:
    first, known = candidates[0], [one for one in candidates if one.drains_in is not None]
    if not known or first.drains_in is None:
        return first
    reaching = (one for one in known if _reaches(one, here))
    return next(reaching, reduce(_dearer, known))


def _dearer(cheaper: Candidate, dearer: Candidate) -> Candidate:
    """What costs more has to be faster by far, or, where neither ends it, to carry more."""
    if cheaper.drains_in == inf and dearer.drains_in == inf:
        return dearer if dearer.capacity > cheaper.capacity else cheaper
    by_far = (dearer.drains_in or 0.0) <= BY_FAR * (cheaper.drains_in or 0.0)
    return dearer if by_far else cheaper


def _reaches(one: Candidate, here: Case) -> bool:
    """Within the target; or, where lanes that are refused are let work again and nothing restarts,
    within what is waited for in any case: it is seen at once, and more may follow."""
    knobs, refused = here.policy.forecast, here.diagnosis.cause is Cause.THROTTLING
    patient = refused and not one.restart_seconds
    target = max(knobs.drain_target_seconds, patient * knobs.patience_seconds)
    return (one.drains_in or 0.0) - one.restart_seconds <= target


def _with_gain(best: Candidate, candidates: Sequence[Candidate]) -> tuple[Change, ...]:
    """Each part says what it is for, and what would have been enough without it."""
    remedies = {change.remedy for change in best.changes}
    if len(remedies) == 1 or best.drains_in is None:
        return best.changes
    alone = {
        one.changes[0].remedy: one.drains_in
        for one in candidates
        if len({change.remedy for change in one.changes}) == 1
    }
    return tuple(
        change
        if change.remedy is RemedyName.ISOLATE_POISON
        else change.model_copy(update={"why": f"{change.why}; {_gain(change, best, alone)}"})
        for change in best.changes
    )


def _gain(change: Change, best: Candidate, alone: Mapping[RemedyName, float | None]) -> str:
    others = [time for name, time in alone.items() if name is not change.remedy]
    without = min((time for time in others if time is not None), default=inf)
    told = "never" if without == inf else f"in {without:.0f} s"
    whole = "never" if best.drains_in == inf else f"in {best.drains_in or 0:.0f} s"
    return f"gone {whole} with it, {told} without"


def _candidate(here: Case, made: tuple[Change, ...], *, asks: bool = False) -> Candidate:
    held_up = here.diagnosis.cause in forecast.HELD and not made
    if made and here.diagnosis.cause is Cause.FUNCTION_FAILURE:
        return Candidate(made, asks=asks)  # what will succeed is not known: the table's order
    after = here.after(made).flow
    if after is None or held_up:
        return Candidate(made, inf if held_up else None, asks=asks)
    capacity = after.capacity(after.parallelization_factor) if made else after.as_it_is()
    delay = forecast.restart_of(after, made, here.policy.forecast)
    return Candidate(made, after.drains_in(capacity, delay), delay, capacity or 0.0, asks)


def _made_together(
    together: Sequence[Remedy], here: Case, tried: Sequence[RemedyName]
) -> tuple[Change, ...]:
    """What several levers would change in one plan, each sized for those before it; none where one
    of them does not fit."""
    widens = any(remedy.name is RemedyName.RAISE_RESERVED_CONCURRENCY for remedy in together)
    now, made = here.widened() if widens else here, tuple[Change, ...]()
    for remedy in together:
        added, _ = _first_fit((remedy,), now, tried)
        wanted = {change.setting: change.after for change in made}
        more = tuple(change for change in added if change.setting not in wanted)
        agree = all(wanted.get(change.setting, change.after) == change.after for change in added)
        if not more or not agree or _only_tells(here, added):
            return ()
        made = (*made, *more)
        now = here.after(made)
    return _leaning(made, here.diagnosis.cause)


def _only_tells(here: Case, made: Sequence[Change]) -> bool:
    """Whether a record is only looked for, or never given up: then nothing behind it drains yet."""
    isolating = any(change.remedy is RemedyName.ISOLATE_POISON for change in made)
    gives_up = here.diagnosis.proven and any(of(change) is RETRIES for change in made)
    return isolating and not gives_up


# What the rest of a set is for: the reservation that has room for the lanes, the record that is
# given up so that what waits behind it drains.
_FIRST = (RESERVED_CONCURRENCY, RETRIES)


def _leaning(made: Sequence[Change], cause: Cause) -> tuple[Change, ...]:
    """With the reservation first; what leans on it, or on the record being given up, is not made
    without that. Nor is a reservation of which nothing is refused without the lanes that it is for:
    alone it only takes concurrency from the neighbours."""
    lead = next((one for first in _FIRST for one in made if of(one) is first), None)
    if lead is None:
        return tuple(made)
    first = [change for change in made if change.remedy is lead.remedy]
    rest = [change for change in made if change.remedy is not lead.remedy]
    if cause is Cause.SLOW_CONSUMER and of(lead) is RESERVED_CONCURRENCY:
        first = [leaning_on(change, rest[-1].setting) for change in first]
    return (*first, *(leaning_on(change, lead.setting) for change in rest))


def _needs_a_person(here: Case, chosen: Sequence[Change]) -> bool:
    """Where nothing is done; and where what is done can only tell more, and mends nothing."""
    found = here.diagnosis
    tells = found.cause in {Cause.FUNCTION_FAILURE, Cause.UNKNOWN}
    only_tells = tells and found.detail is not Detail.TIMEOUTS
    return found.cause not in QUIET_CAUSES and (not chosen or only_tells)


def _first_fit(
    remedies: Sequence[Remedy], here: Case, tried: Sequence[RemedyName]
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    passed: list[str] = []
    for remedy in remedies:
        if remedy.name in tried:
            passed.append(f"{remedy.name}: tried in this incident: it did not help, or was refused")
        elif here.policy.remedy(remedy.name).autonomy is Autonomy.OFF:
            passed.append(f"{remedy.name}: switched off by the policy")
        else:
            proposal = remedy.propose(here)
            if not isinstance(proposal, Pass):
                return proposal, tuple(passed)
            passed.append(f"{remedy.name}: {proposal.reason}")
    return (), tuple(passed)


def _in_order(here: Case) -> list[Remedy]:
    """The cause's levers: what may be done at once goes before what a person is asked for."""
    found = here.diagnosis
    fitting = (each for each in REMEDIES[found.cause] if found.detail in each.details)
    return sorted(fitting, key=partial(_asks, here))


def _asks(here: Case, remedy: Remedy) -> bool:
    freedom = here.policy.remedy(remedy.name).autonomy
    return freedom is Autonomy.APPROVE or remedy.asked_first(here)


def escalation(here: Case, tried: Sequence[RemedyName], refused: Mapping[RemedyName, str]) -> str:
    """Why a person is needed, with what was really tried, and why each other lever is not pulled.

    ``refused``: what the guardrails say of those that fit.
    """
    rest, passed = _in_order(here), list[str]()
    while rest:
        chosen, said = _first_fit(rest, here, tried)
        passed += said
        rest = rest[len(said) :]
        if chosen:
            name = chosen[0].remedy
            passed.append(f"{name}: {refused.get(name, 'it fits, and is left to a person')}")
            rest = rest[1:]
    return escalated(here, tuple(passed))
