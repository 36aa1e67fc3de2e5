"""What a person is told to do, where no lever of ours helps."""

from remediator.decide.case import Case
from remediator.escaping import command
from remediator.evidence.signals import Signals
from remediator.model import (
    Cause,
    Detail,
    MappingState,
    unseen,
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
    (Cause.SLOW_CONSUMER, Detail.PAUSED): "Somebody had stopped the consumer and lets it go on: "
    "what waited meanwhile is more than its lanes get done soon. How fast it catches up is left to "
    "whoever stopped it; more lanes would be faster.",
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
    (Cause.HOT_PARTITION_KEY, Detail.ONE_KEY): "One partition key carries most of its shard. More "
    "lanes leave it in one, and a split moves it whole. Give it a better key (a suffix, where its "
    "records need no order among each other), let one function fan its records in to others, or "
    "make each record cheaper: more memory, larger batches.",
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


def escalated(here: Case, passed: tuple[str, ...]) -> str:
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


def next_commands(here: Case) -> tuple[str, ...]:
    target = here.evidence.target
    uuid, where = target.event_source_mapping, ("--region", target.region)
    pool = (here.diagnosis.cause, here.diagnosis.detail) == (Cause.THROTTLING, Detail.ACCOUNT)
    return (
        *((command("remediator", "quota", *where),) if pool else ()),
        command("remediator", "explain", "--mapping", uuid, *where),
        command("aws", "lambda", "get-event-source-mapping", "--uuid", uuid, *where),
        command("aws", "logs", "tail", f"/aws/lambda/{target.function}", "--since", "15m", *where),
    )
