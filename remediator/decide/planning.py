"""Diagnosis + Evidence + Policy → Plan. One remedy family a turn, first aid beside it.

Pure and deterministic. What does not fit says why, and stands in the escalation.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import exp, lgamma, log

from remediator.decide import forecast
from remediator.decide.case import Case
from remediator.decide.remedies import FIRST_AID, QUIET_CAUSES, REMEDIES, Pass, Remedy
from remediator.escaping import command
from remediator.evidence.metrics import Metric
from remediator.evidence.signals import Signals
from remediator.model import (
    Cause,
    Change,
    Detail,
    Evidence,
    MappingState,
    Plan,
    RemedyName,
    Series,
    unseen,
)
from remediator.policy import Autonomy, Policy


def weighed(
    case: Case,
    *,
    claimed: int = 0,
    unreserved_minimum: int | None = None,
    quarantine_arn: str | None = None,
    destination_usable: bool | None = None,
) -> Case:
    """The case, with what levers turn on. ``claimed`` is concurrency promised to other incidents;
    ``unreserved_minimum`` what AWS has told to be this account's own."""
    evidence, signals, policy = case.evidence, case.signals, case.policy
    return case._replace(
        flow=forecast.observe(evidence, signals, policy.thresholds.busy_share),
        spare_concurrency=forecast.spare_concurrency(evidence, signals, policy, claimed),
        spare_reservation=forecast.spare_reservation(
            evidence, signals, policy, claimed, unreserved_minimum
        ),
        unreserved_minimum=policy.limits.unreserved_minimum
        if unreserved_minimum is None
        else unreserved_minimum,
        quarantine_arn=quarantine_arn,
        destination_usable=destination_usable,
        careful=_careful(evidence, signals, policy),
        warned=_warned(evidence, signals, policy),
        untried=_untried(signals, policy),
    )


def _careful(evidence: Evidence, signals: Signals, policy: Policy) -> bool:
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
    failing = (signals.error_minutes or 0) > 0 and not isolating
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


_FEW_LANES = 8
"""Up to so many, a raise multiplies what the service behind has ever seen at once."""
_A_TRACE = 1.1
"""Times as long as usual: less than what counts as slower, and more than chance."""
_HELD = 0.9
"""Of what a lane got done before there were more: then the raise has cost none of them anything."""


def _deployed_at_onset(evidence: Evidence, signals: Signals, policy: Policy) -> bool:
    """Whether the function was changed when the lag began: then it is the code that is slow."""
    changed = evidence.function.last_modified if evidence.function else None
    if changed is None or signals.onset is None:
        return False
    return abs(signals.onset - changed) <= timedelta(minutes=policy.thresholds.deploy_minutes)


def plan(incident_id: str, here: Case, tried: Sequence[RemedyName] = ()) -> Plan:
    """The first remedy of the cause's row that fits, or an escalation that says why none does."""
    cause = here.diagnosis.cause
    chosen, passed = _first_fit(_in_order(here), here, tried)
    aid, _ = _first_fit(FIRST_AID, here, tried)
    target = here.evidence.target
    return Plan(
        incident_id=incident_id,
        target=target,
        cause=cause,
        changes=(*aid, *chosen),
        escalation=_escalation(here, passed) if _needs_a_person(here, chosen) else None,
        next_commands=_next_commands(here),
        forecast=forecast.options(here.evidence, here.signals, here.policy, cause),
        proven=here.diagnosis.proven,
    )


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

    def asks(remedy: Remedy) -> bool:
        freedom = here.policy.remedy(remedy.name).autonomy
        return freedom is Autonomy.APPROVE or remedy.asked_first(here)

    found = here.diagnosis
    return sorted(
        (each for each in REMEDIES[found.cause] if found.detail in each.details), key=asks
    )


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


def _advice(here: Case) -> str:
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
    lines = [_advice(here)]
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
    return (
        command("remediator", "explain", "--mapping", uuid, *where),
        command("aws", "lambda", "get-event-source-mapping", "--uuid", uuid, *where),
        command("aws", "logs", "tail", f"/aws/lambda/{target.function}", "--since", "15m", *where),
    )
