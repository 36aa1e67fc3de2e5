"""Evidence → Signals: the measures that the diagnosis, the forecast and the verdict lean on.

Pure. A measure whose readings are missing is ``None``, never 0. Two habits of CloudWatch matter
here: metrics come late and are stamped with the time of invocation, so the newest minutes may be
incomplete; and a count that stays at zero may be published as nothing at all. A minute that a
metric lacks counts as zero only where AWS publishes nothing for nothing; else it was lost, and is
left out. What contradicts itself is a finding and no measure.
"""

from remediator.evidence.age import measure_age
from remediator.evidence.alike import told_by_each_other
from remediator.evidence.batches import measure_batches
from remediator.evidence.bursts import measure_burst
from remediator.evidence.course import alarming_ages
from remediator.evidence.explained import measure_filter, measure_losses
from remediator.evidence.flow import measure_flow
from remediator.evidence.keys import measure_keys
from remediator.evidence.lost import measure_lost
from remediator.evidence.once import once
from remediator.evidence.outcomes import measure_errors
from remediator.evidence.plausible import without_contradictions
from remediator.evidence.record import Signals
from remediator.evidence.series import LAST_MINUTES, MINUTE, without_incomplete_minute
from remediator.evidence.silence import measure_invocations
from remediator.evidence.throttles import measure_throttles
from remediator.evidence.witness import measure_witness
from remediator.evidence.work import measure_reads, measure_shards, measure_work
from remediator.model import Evidence
from remediator.policy import Thresholds

# In order: each part sees what those before it found.
_PARTS = (
    measure_age,
    measure_losses,
    measure_invocations,
    measure_errors,
    measure_throttles,
    measure_lost,
    measure_work,
    measure_reads,
    measure_shards,
    measure_keys,
    measure_filter,
    measure_flow,
    measure_burst,
    measure_batches,
    measure_witness,
    without_contradictions,
)


@once
def measure(evidence: Evidence, thresholds: Thresholds) -> Signals:
    """All measures of one Evidence."""
    evidence, signals = told_by_each_other(without_incomplete_minute(evidence)), Signals()
    for part in _PARTS:
        signals |= part(evidence, thresholds, signals)
    return signals


__all__ = ["LAST_MINUTES", "MINUTE", "Signals", "alarming_ages", "measure"]
