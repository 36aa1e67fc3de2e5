"""The question whether readers of the stream take each other's read throughput.

Each shard gives 5 GetRecords calls and 2 MB a second to all that share it, and a table's stream two
readers at a time (one beside the replication of a global table). Sources: Kinesis Data Streams
Developer Guide, quotas and limits; DynamoDB Developer Guide, service quotas.
"""

from remediator.decide.case import NO, YES, Case, Finding, unseen
from remediator.decide.waiting import CLIMBS, was_late
from remediator.evidence.age import late_from
from remediator.evidence.signals import LAST_MINUTES
from remediator.model import Detail, Reading, SourceKind

# Share of a limit from which it is what holds the readers up.
_BINDS = 0.8
_READERS_OF_A_TABLE, _BESIDE_REPLICATION = 2, 1


def reads_contended(case: Case) -> Finding:
    signals, limits = case.signals, case.policy.thresholds
    readings = (
        case.reading("read_throttle_share"),
        case.reading("read_throttled_minutes", f"of the last {LAST_MINUTES}"),
        case.reading("other_shared_readers"),
        case.reading("read_bytes_share"),
        case.reading("read_calls_share"),
        case.reading("busy_share"),
        case.reading("age_seconds", "s"),
    )
    if case.evidence.target.consumer_arn is not None:
        because = "the mapping has enhanced fan-out: throttled reads of the stream are others'"
        return Finding(NO, because, readings)
    if case.evidence.target.kind is SourceKind.DYNAMODB:
        return _too_many_of_a_table(case, readings)
    if signals.read_throttled_minutes is None:
        return unseen("the count of throttled reads", *readings)
    lasts = signals.read_throttled_minutes >= min(limits.sustained_minutes, LAST_MINUTES)
    if not lasts and not _since_it_lags(case):
        return Finding(NO, "reads are not throttled in a sustained way", readings)
    if _some_are_not_read(case):
        because = "most reads are refused since it was late: a shard that is not read has no age"
        return Finding(YES, because, readings, _limit_that_binds(case)[0])
    if keeps_up(case):
        return Finding(NO, "reads are throttled, but this mapping keeps up all the same", readings)
    if signals.falling and _ends_soon(case):
        return Finding(NO, "the age falls: a backlog drained fast touches the limit", readings)
    if signals.busy_share is not None and signals.busy_share >= limits.busy_share:
        return Finding(NO, "every lane is busy: reading is not what holds it up", readings)
    others = signals.other_shared_readers
    by = f"{others} other shared readers" if others else "a reader that AWS does not list"
    detail, limit = _limit_that_binds(case)
    return Finding(YES, f"reads are throttled, with {by}: {limit}", readings, detail)


def _since_it_lags(case: Case) -> bool:
    """Whether reads are throttled for no longer than it lags, which is just now, and what waits is
    not read: it gets older while lanes rest, beside others who read."""
    signals, limits = case.signals, case.policy.thresholds
    young = (signals.late_minutes or 0.0) <= limits.sustained_minutes
    climbs = (signals.age_slope or 0.0) >= CLIMBS and (
        (signals.age_seconds or 0.0) > signals.normal_age_seconds
    )
    rest = signals.busy_share is not None and signals.busy_share < limits.busy_share / 2
    throttled = bool(signals.read_throttled_minutes and signals.other_shared_readers)
    return throttled and young and climbs and rest


def _some_are_not_read(case: Case) -> bool:
    """Whether most reads of several shards are refused, minute after minute, since one of them was
    late: the age is that of what is read, and of a shard that is not there is none."""
    signals, limits = case.signals, case.policy.thresholds
    most = (signals.read_throttle_share or 0.0) >= _MOST
    throttled = signals.read_throttled_minutes or 0
    lasts = throttled >= min(limits.sustained_minutes, LAST_MINUTES)
    rest = signals.busy_share is not None and signals.busy_share < limits.busy_share / 2
    late = was_late(case.evidence, signals, limits, newest=_LATELY)
    return most and lasts and late and rest and (case.evidence.open_shards or 1) > 1


_MOST, _LATELY = 0.5, 30


def _ends_soon(case: Case) -> bool:
    """Whether at the pace at which it falls, the age is gone within what is waited for."""
    age, gradient = case.signals.age_seconds or 0.0, case.signals.age_slope or 0.0
    return gradient < 0 and age / -gradient <= case.policy.forecast.patience_seconds


def keeps_up(case: Case) -> bool:
    """Whether the mapping's own age is healthy."""
    age, slope = case.signals.age_seconds, case.signals.age_slope
    late = late_from(case.signals, case.policy.thresholds)
    climbs = (slope or 0.0) >= CLIMBS and (age or 0.0) > case.signals.normal_age_seconds
    return age is not None and age < late and not climbs


def _limit_that_binds(case: Case) -> tuple[Detail, str]:
    """What is used up: bytes, of which more shards give more; or calls, of which they give more to
    nobody who calls each of them as often. Calls that are refused count too, so that where bytes
    bind both look used up."""
    signals = case.signals
    calls, volume = signals.read_calls_share, signals.read_bytes_share
    if volume is not None and volume >= _BINDS:
        return Detail.BYTES, f"{volume:.0%} of 2 MB a second and shard are read"
    if calls is not None and calls >= _BINDS and volume is not None:
        return Detail.CALLS, f"{calls:.0%} of 5 calls a second and shard are made"
    detail = Detail.MAPPINGS if signals.other_shared_readers else Detail.OUTSIDE_READER
    return detail, "neither calls nor bytes show which limit binds"


def _too_many_of_a_table(case: Case, readings: tuple[Reading, ...]) -> Finding:
    """No metric shows it (AWS/DynamoDB has none), only the number of readers."""
    others, busy = case.signals.other_shared_readers, case.signals.busy_share
    if others is None:
        return unseen("the number of readers", *readings)
    replicas = case.evidence.stream.replicas if case.evidence.stream else None
    most = _BESIDE_REPLICATION if replicas else _READERS_OF_A_TABLE
    readings = (*readings, Reading(name="replicas", value=replicas))
    if others + 1 <= most:
        return Finding(NO, f"{others + 1} of the {most} readers that a shard allows", readings)
    if keeps_up(case):
        return Finding(NO, "more readers than a shard allows, but this one keeps up", readings)
    if busy is None:
        return unseen("the work of the lanes", *readings)
    if busy >= case.policy.thresholds.busy_share:
        return Finding(NO, "every lane is busy: reading is not what holds it up", readings)
    allowed = "one is, beside the replication of a global table" if replicas else "two are"
    because = f"{others + 1} readers of a table's stream, where {allowed} allowed"
    return Finding(YES, because, readings, Detail.TABLE_READERS)
