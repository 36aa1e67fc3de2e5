"""What arrives for the mapping, in records.

A Kinesis stream counts the records that are put into it. A table's stream does not: what is counted
is the write capacity that the table consumed, and an item over 1 KB takes several units, while what
expires by its time to live takes none. So those units are taken for records only by the ratio that
showed while the mapping kept up; where none showed, what arrives is unseen. Of a filtered stream
only what passes arrives for the mapping, where that is counted.
"""

from collections.abc import Sequence
from datetime import datetime

from remediator.evidence.course import ages
from remediator.evidence.explained import normal_age_seconds, pass_share
from remediator.evidence.metrics import Metric
from remediator.evidence.series import LAST_MINUTES, counts_of
from remediator.model import Evidence, SourceKind

Counts = tuple[float | None, ...]

# An age beyond what a window makes normal, below which what came in was done.
ON_TIME_SECONDS = 30
# Times what comes in in a typical minute, beyond which a minute is a burst's.
OF_A_BURST = 3


def on_time(evidence: Evidence) -> frozenset[datetime]:
    """The minutes in which nothing lagged."""
    late = normal_age_seconds(evidence) + ON_TIME_SECONDS
    return frozenset(at for at, age in ages(evidence) if age < late)


def arrivals_of(evidence: Evidence, minutes: Sequence[datetime]) -> Counts | None:
    """Records that arrived, by minute; ``None`` where it cannot be told."""
    counts = counts_of(evidence, Metric.INCOMING_RECORDS, minutes)
    if counts is None:
        return None
    passes, records = pass_share(evidence), 1.0
    if evidence.target.kind is SourceKind.DYNAMODB:
        per_unit = _records_per_unit(evidence, minutes, counts)
        if per_unit is None:
            return None
        records = per_unit
    share = records * (1.0 if passes is None else passes)
    return tuple(None if count is None else count * share for count in counts)


def _records_per_unit(
    evidence: Evidence, minutes: Sequence[datetime], units: Counts
) -> float | None:
    """Stream records for each unit of write capacity, while all that was written was read at once
    by every reader."""
    read = counts_of(evidence, Metric.READ_RECORDS, minutes)
    if read is None or evidence.shared_readers is None:
        return None
    kept_up, readers = on_time(evidence), 1 + evidence.shared_readers
    pairs = [
        (count, unit)
        for at, count, unit in zip(minutes, read, units, strict=True)
        if at in kept_up and count is not None and unit
    ]
    written = sum(unit for _, unit in pairs)
    if len(pairs) < LAST_MINUTES:
        return None
    return sum(count for count, _ in pairs) / readers / written
