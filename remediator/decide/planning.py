"""Diagnosis + Evidence + Policy → Plan. The cheapest set of a cause's levers, first aid beside it.

Pure and deterministic. What does not fit says why, and stands in the escalation.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial, reduce
from math import exp, inf, lgamma, log
from typing import NamedTuple

from remediator.decide import forecast
from remediator.decide.case import Case
from remediator.decide.remedies import (
    FIRST_AID,
    QUIET_CAUSES,
    REMEDIES,
    TOGETHER,
    Pass,
    Remedy,
)
from remediator.escaping import command
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import Signals
from remediator.model import (
    Cause,
    Change,
    Detail,
    Evidence,
    MappingState,
    Option,
    Plan,
    RemedyName,
    Series,
    unseen,
)
from remediator.policy import Autonomy, ForecastKnobs, Policy
from remediator.settings_table import RESERVED_CONCURRENCY, RETRIES, of


def weighed(
    case: Case,
    *,
    claimed: int = 0,
    unreserved_minimum: int | None = None,
    held: bool = False,
    quarantine_arn: str | None = None,
    destination_usable: bool | None = None,
) -> Case:
    """The case, with what levers turn on. ``claimed`` is concurrency promised to other incidents;
    ``unreserved_minimum`` what AWS has told to be this account's own. ``held``: a first step has
    cost no lane anything, so that the rest of the way needs no care."""
    evidence, signals, policy = case.evidence, case.signals, case.policy
    return case._replace(
        flow=forecast.observe(evidence, signals, policy.thresholds),
        spare_concurrency=forecast.spare_concurrency(evidence, signals, policy, claimed),
        spare_reservation=forecast.spare_reservation(
            evidence, signals, policy, claimed, unreserved_minimum
        ),
        unreserved_minimum=policy.limits.unreserved_minimum
        if unreserved_minimum is None
        else unreserved_minimum,
        quarantine_arn=quarantine_arn,
        destination_usable=destination_usable,
        careful=not held and _careful(evidence, signals, policy, explained=case.diagnosis.proven),
        warned=_warned(evidence, signals, policy),
        untried=not held and _untried(signals, policy),
    )


def _careful(
    evidence: Evidence, signals: Signals, policy: Policy, *, explained: bool = False
) -> bool:
    """Whether a large raise should go in steps: a lane gets less done than before, errors are
    about that are not those of a record being given up, or somebody named alarms of what stands
    behind."""
    ratio, mapping = policy.thresholds.saturation_ratio, evidence.mapping
    slower = (
        signals.lane_rate is not None
        and signals.usual_lane_rate is not None
        and signals.lane_rate * ratio <= signals.usual_lane_rate
    )
    a_little = (signals.slowdown or 0.0) >= (1 + ratio) / 2
    downstream = (slower or a_little) and not _deployed_at_onset(evidence, signals, policy)
    isolating = mapping is not None and mapping.bisect_on_error
    failing = (signals.error_minutes or 0) > 0 and not isolating and not explained
    return downstream or failing or bool(policy.downstream_alarms)


def _warned(evidence: Evidence, signals: Signals, policy: Policy) -> bool:
    """Whether both signs are there: few lanes while far more comes in than usual, and invocations
    that fail more often since, and not by chance."""
    usual, arriving = signals.usual_arrival_per_second, evidence.metrics.get(_ARRIVING)
    if not usual or arriving is None or (signals.lanes or 0) > _FEW_LANES:
        return False
    many = policy.thresholds.saturation_ratio * 60 * usual
    loaded = {at for at, count in arriving.points if count >= many}
    counts = dict((evidence.metrics.get(Metric.INVOCATIONS) or Series()).points)
    errors = dict((evidence.metrics.get(Metric.ERRORS) or Series()).points)
    seen = [at for at in counts if at in errors]
    under = [at for at in seen if at in loaded]
    before = [at for at in seen if at < min(loaded, default=at)]
    if not under or not before:
        return False
    failed = sum(errors[at] for at in under)
    usually = (sum(errors[at] for at in before) + 1) / (sum(counts[at] for at in before) + 1)
    return _at_least(failed, usually * sum(counts[at] for at in under)) < _BY_CHANCE


_ARRIVING = Metric.INCOMING_RECORDS
_BY_CHANCE = 0.05


def _at_least(count: float, expected: float) -> float:
    """How likely so many are where so many were to be expected (Poisson)."""
    if expected <= 0:
        return 1.0
    fewer = (exp(n * log(expected) - expected - lgamma(n + 1)) for n in range(min(int(count), 100)))
    return 1 - sum(fewer)


def _untried(signals: Signals, policy: Policy) -> bool:
    """Whether a raise would go far beyond what was ever seen, and something hints that it may cost:
    there are few lanes, more keeps coming in than ever before, and a record takes longer since, or
    whether anything fails was not seen.

    A burst that is over says nothing of it; nor do lanes that were raised already and get as much
    done each as when they were few.
    """
    usual, now = signals.usual_arrival_per_second, signals.arrival_per_second
    ratio = policy.thresholds.saturation_ratio
    if not usual or now is None or (signals.lanes or 0) > _FEW_LANES:
        return False
    narrow, rate = signals.narrow_lane_rate, signals.lane_rate
    held = narrow is not None and rate is not None and rate >= _HELD * narrow
    hint = (signals.slowdown or 0.0) >= _A_TRACE or signals.error_minutes is None
    return now >= ratio * usual and hint and not held


# Up to so many, a raise multiplies what the service behind has ever seen at once.
_FEW_LANES = 8
# Times as long as usual: less than what counts as slower, and more than chance.
_A_TRACE = 1.1
# Of what a lane got done before there were more: then the raise has cost none of them anything.
_HELD = 0.9


def _deployed_at_onset(evidence: Evidence, signals: Signals, policy: Policy) -> bool:
    """Whether the function was changed when the lag began: then it is the code that is slow."""
    changed = evidence.function.last_modified if evidence.function else None
    if changed is None or signals.onset is None:
        return False
    return abs(signals.onset - changed) <= timedelta(minutes=policy.thresholds.deploy_minutes)


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
        escalation=_escalation(here, passed) if asks else None,
        next_commands=_next_commands(here),
        forecast=_told(here, chosen),
        proven=here.diagnosis.proven,
    )


def _told(here: Case, chosen: Sequence[Change]) -> tuple[Option, ...]:
    """Every single option, and the set that was chosen where it is another."""
    cause = here.diagnosis.cause
    options = forecast.options(here.evidence, here.signals, here.policy, cause)
    known = {option.option for option in options}
    if here.flow is None or not chosen or cause in forecast.HELD:
        return options
    if forecast.name_of(chosen) in known:
        return options
    after = here.after(chosen).flow or here.flow
    return (*options, forecast.with_changes(here.flow, after, chosen, here.policy.forecast))


def _choose(
    here: Case, tried: Sequence[RemedyName]
) -> tuple[tuple[Change, ...], str, tuple[str, ...]]:
    """The changes, why it is waited where that does as well, and why each lever was passed over.

    The order of the tables is that of the costs: the first set that reaches the target is taken,
    else the fastest. Where nothing can be forecast it is the first that fits.
    """
    cause = here.diagnosis.cause
    passed: list[str] = []
    candidates: list[Candidate] = []
    for remedy in _in_order(here):
        made, said = _first_fit((remedy,), here, tried)
        passed += said
        candidates += [_candidate(here, made, asks=_asks(here, remedy))] if made else []
    for together in TOGETHER.get(cause, ()):
        made = _made_together(together, here, tried)
        asks = any(_asks(here, remedy) for remedy in together)
        candidates += [_candidate(here, made, asks=asks)] if made else []
    if not candidates:
        return (), "", tuple(passed)
    at_once = [one for one in candidates if not one.asks]
    best = _best(at_once or candidates, here.policy.forecast)
    nothing = _candidate(here, ())
    if cause is Cause.SLOW_CONSUMER and _waits_as_well(nothing, best, here.policy.forecast):
        return (), _why_waiting(nothing, best), tuple(passed)
    return _with_gain(best, candidates), "", tuple(passed)


def _best(candidates: Sequence[Candidate], knobs: ForecastKnobs) -> Candidate:
    first, known = candidates[0], [one for one in candidates if one.drains_in is not None]
    if not known or first.drains_in is None:
        return first
    reaching = (one for one in known if _reaches(one, knobs))
    return next(reaching, reduce(_dearer, known))


def _dearer(cheaper: Candidate, dearer: Candidate) -> Candidate:
    """What costs more has to be faster by far, or, where neither ends it, to carry more."""
    if cheaper.drains_in == inf and dearer.drains_in == inf:
        return dearer if dearer.capacity > cheaper.capacity else cheaper
    by_far = (dearer.drains_in or 0.0) <= _BY_FAR * (cheaper.drains_in or 0.0)
    return dearer if by_far else cheaper


# Of the time that a cheaper set takes: forecasts are no better than that.
_BY_FAR = 0.8


def _reaches(one: Candidate, knobs: ForecastKnobs) -> bool:
    return (one.drains_in or 0.0) - one.restart_seconds <= knobs.drain_target_seconds


def _waits_as_well(nothing: Candidate, best: Candidate, knobs: ForecastKnobs) -> bool:
    """Whether what waits is gone about as soon with nothing done, which costs nothing: a restart
    that loses, or hardly wins, is not made."""
    alone, helped = nothing.drains_in, best.drains_in
    if alone is None or alone == inf:
        return False
    soon = alone <= knobs.drain_target_seconds
    return soon or (helped is not None and alone * _BY_FAR <= helped)


def _why_waiting(nothing: Candidate, best: Candidate) -> str:
    named = forecast.name_of(best.changes)
    helped = "unknown" if best.drains_in is None else f"{best.drains_in:.0f} s"
    return (
        f"what waits is gone in about {nothing.drains_in:.0f} s with nothing done; with {named} it "
        f"would take {helped}, the mapping's restart included"
    )


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
    return _leaning(made)


def _only_tells(here: Case, made: Sequence[Change]) -> bool:
    """Whether a record is only looked for, or never given up: then nothing behind it drains yet."""
    isolating = any(change.remedy is RemedyName.ISOLATE_POISON for change in made)
    gives_up = here.diagnosis.proven and any(of(change) is RETRIES for change in made)
    return isolating and not gives_up


# What the rest of a set is for: the reservation that has room for the lanes, the record that is
# given up so that what waits behind it drains.
_FIRST = (RESERVED_CONCURRENCY, RETRIES)


def _leaning(made: Sequence[Change]) -> tuple[Change, ...]:
    """With the reservation first; what leans on it, or on the record being given up, is not made
    without that."""
    lead = next((one for first in _FIRST for one in made if of(one) is first), None)
    if lead is None:
        return tuple(made)
    first = [change for change in made if change.remedy is lead.remedy]
    rest = (
        change.model_copy(update={"safe_only_with": (*change.safe_only_with, lead.setting)})
        for change in made
        if change.remedy is not lead.remedy
    )
    return (*first, *rest)


def _needs_a_person(here: Case, chosen: Sequence[Change]) -> bool:
    """Where nothing is done; and where what is done can only tell more, and mends nothing."""
    found = here.diagnosis
    tells = found.cause in {Cause.FUNCTION_FAILURE, Cause.UNKNOWN}
    only_tells = tells and found.detail is not Detail.TIMEOUTS
    return found.cause not in QUIET_CAUSES and (not chosen or only_tells)


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
    return _escalation(here, tuple(passed))


def _first_fit(
    remedies: Sequence[Remedy], here: Case, tried: Sequence[RemedyName]
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    passed: list[str] = []
    for remedy in remedies:
        if remedy.name in tried:
            passed.append(f"{remedy.name}: tried in this incident, it did not help")
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


_ADVICE = {
    Cause.THROTTLING: "Give the consumer concurrency: ask for a higher account quota "
    "(Service Quotas L-B99A9384; takes hours), or free what other functions reserve.",
    Cause.POISON_RECORD: "A record fails whenever it is processed. Fix the consumer, or let the "
    "record go to a destination.",
    Cause.READ_CONTENTION: "Readers take each other's 2 MB/s and 5 calls/s a shard. Move one to "
    "enhanced fan-out, or read less.",
    Cause.SLOW_CONSUMER: "The consumer is too slow for what arrives. Make it faster, give it more "
    "memory, or larger batches.",
    Cause.HOT_PARTITION_KEY: "Few partition keys carry the load, so more lanes gain nothing. "
    "Spread the key, or make each record cheaper.",
    Cause.DOWNSTREAM_SATURATED: "What stands behind the function slows down as concurrency rises. "
    "Adding more would break it: help it first.",
    Cause.FUNCTION_FAILURE: "The function fails on good records: fix it or roll its deploy back.",
    Cause.CONSUMER_STOPPED: "Somebody or something stopped the consumer. It is left alone; the "
    "records wait until they expire.",
    Cause.RECOVERING: "What waits is drained without help.",
    Cause.UNKNOWN: "What is wrong could not be told from what was seen.",
}

_ADVICE_FOR = {
    (Cause.THROTTLING, Detail.REQUEST_RATE): "More invocations a second are asked for than ten "
    "times the concurrency. Larger batches or a batching window make fewer of them.",
    (Cause.THROTTLING, Detail.SCALING_RATE): "The function grows faster than Lambda lets it (1,000 "
    "in ten seconds). That ends by itself; provisioned concurrency is there before a peak.",
    (Cause.THROTTLING, Detail.UNCLEAR): "Which limit throttles was not seen: the account's pool is "
    "not known to be used up. Look at ClaimedAccountConcurrency before asking for a higher quota.",
    (
        Cause.READ_CONTENTION,
        Detail.CALLS,
    ): "Readers use up the 5 calls a second of a shard, not its "
    "bytes. Let fewer of them read, less often, or move one to enhanced fan-out; more shards give "
    "none of them more.",
    (Cause.READ_CONTENTION, Detail.BYTES): "Readers use up the 2 MB a second of a shard. Move one "
    "to enhanced fan-out, or let fewer of them read.",
    (
        Cause.READ_CONTENTION,
        Detail.TABLE_READERS,
    ): "A shard of a table's stream serves two readers, "
    "one beside the replication of a global table. Consolidate them: let one function pass the "
    "records on, or send the table's changes to a Kinesis stream. There is no enhanced fan-out for "
    "a table's stream.",
    (Cause.CONSUMER_STOPPED, Detail.DEACTIVATED): "Somebody has deactivated the function. It is "
    "left alone; the records wait until they expire.",
    (Cause.CONSUMER_STOPPED, Detail.FUNCTION_GONE): "The function cannot be invoked. Its "
    "StateReasonCode says why; the records wait until they expire.",
    (Cause.CONSUMER_STOPPED, Detail.NOT_INVOCABLE): "The function is active and takes no "
    "invocations. Its capacity provider or its version says why; the records wait.",
}


def advice(here: Case) -> str:
    """What a person can do about it."""
    found = here.diagnosis
    return _ADVICE_FOR.get((found.cause, found.detail), _ADVICE[found.cause])


def _discarded_meanwhile(mapping: MappingState | None) -> str:
    """What becomes of good records while the function fails: the mapping's settings say it."""
    if mapping is None:
        return "Whether records are discarded meanwhile could not be seen."
    tries, age = mapping.maximum_retry_attempts, mapping.maximum_record_age_seconds
    bounds = [f"after {tries} retries"] if tries >= 0 else []
    bounds += [f"once they are {age} s old"] if age >= 0 else []
    if not bounds:
        return "Nothing is discarded meanwhile, until the stream's retention is over."
    to = mapping.on_failure_destination
    kept = f"only their place goes to {to}" if to else "nothing is kept of them"
    return f"Meanwhile records are given up {' or '.join(bounds)}; {kept}."


def _escalation(here: Case, passed: tuple[str, ...]) -> str:
    lines = [advice(here)]
    if here.diagnosis.cause is Cause.FUNCTION_FAILURE:
        lines.append(_discarded_meanwhile(here.evidence.mapping))
    if passed:
        lines.append("Not done: " + "; ".join(passed) + ".")
    lines += _losses(here.signals)
    gaps = unseen(here.diagnosis.gaps)
    if gaps:
        lines.append(f"Not seen: {gaps}.")
    return " ".join(lines)


def _losses(signals: Signals) -> list[str]:
    """When records are lost, or that they are being lost now."""
    left, most = signals.expires_in_seconds, signals.maximum_age_seconds
    if signals.drops_for_age and most is not None:
        return [f"Records are being dropped now: the mapping's maximum record age is {most:.0f} s."]
    return [] if left is None else [f"The oldest record expires in {max(0.0, left) / 3600:.1f} h."]


def _next_commands(here: Case) -> tuple[str, ...]:
    target = here.evidence.target
    uuid, where = target.event_source_mapping, ("--region", target.region)
    pool = (here.diagnosis.cause, here.diagnosis.detail) == (Cause.THROTTLING, Detail.ACCOUNT)
    return (
        *((command("remediator", "quota", *where),) if pool else ()),
        command("remediator", "explain", "--mapping", uuid, *where),
        command("aws", "lambda", "get-event-source-mapping", "--uuid", uuid, *where),
        command("aws", "logs", "tail", f"/aws/lambda/{target.function}", "--since", "15m", *where),
    )
