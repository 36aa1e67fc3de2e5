"""What AWS does not document, as named knobs with defaults that can be argued about."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """Every behaviour of the plant that no AWS page states. Times are simulated seconds.

    A conclusion drawn in the lab should hold over a sensible range of these.
    """

    poll_interval_seconds: float = 1.0
    """Base polling rate of a caught-up Kinesis mapping, per shard (documented: once a second)."""
    dynamodb_poll_interval_seconds: float = 0.25
    """The same for a DynamoDB stream (documented: four times a second)."""
    catch_up_poll_interval_seconds: float = 0.25
    """Least time between two reads of one shard by one mapping that is behind (undocumented)."""
    read_ahead_records: int = 1000
    """Records a mapping holds per shard beyond those in flight; at least a batch per lane."""
    read_throttle_backoff_seconds: float = 1.0
    """Wait after a read that met ProvisionedThroughputExceeded (undocumented)."""
    efo_push_interval_seconds: float = 0.2
    """Spacing of the pushes of an enhanced fan-out subscription (propagation is about 70 ms)."""
    retry_backoff_initial_seconds: float = 1.0
    """Wait before the first retry of a failed batch; doubles with each (undocumented)."""
    retry_backoff_cap_seconds: float = 10.0
    """Longest wait between retries: AWS showed about 8 attempts in the first 60 s."""
    throttle_backoff_initial_seconds: float = 0.5
    """Wait before an invocation that was throttled is tried again; doubles (undocumented)."""
    throttle_backoff_cap_seconds: float = 10.0
    """Longest wait between two tries of a throttled invocation (undocumented)."""
    backoff_jitter_share: float = 0.1
    """Each wait is drawn uniformly from 1 ± this share."""
    failing_lane_blocks_shard: bool = False
    """Whether one failing lane halts the other lanes of its shard (undocumented)."""
    restart_redelivers: bool = True
    """Whether records finished beyond the shard's checkpoint are delivered again after an update.

    The checkpoint is one position per shard, the minimum over its lanes (at least once)."""
    split_costs_retries: bool = False
    """Whether a half of a bisected batch keeps the retries that the whole had used up.

    AWS says that splitting consumes no retry; nobody has measured it."""
    mapping_update_gap_seconds: float = 90.0
    """No polling for this long after an update or a creation ("several minutes", says AWS)."""
    mapping_disable_seconds: float = 60.0
    """From Disabling to Disabled."""
    function_update_seconds: float = 5.0
    """LastUpdateStatus stays InProgress for this long; invocations keep the old configuration."""
    split_seconds: float = 30.0
    """A stream is UPDATING for this long per split or merge, one after another."""
    retention_increase_seconds: float = 120.0
    """An increase of retention takes effect "within several minutes"."""
    consumer_registration_seconds: float = 10.0
    """An enhanced fan-out consumer stays CREATING for this long."""
    kpl_remap_seconds: float = 60.0
    """For so long after a split the KPL still aggregates by the shards that were."""
    on_demand_split_delay_seconds: float = 900.0
    """An on-demand stream splits a shard above 500 KB/s "within 15 minutes"."""
    dynamodb_shard_rollover_seconds: float = 4 * 3600.0
    """A DynamoDB stream closes each shard and opens its child about this often."""
    cloudwatch_delay_seconds: float = 120.0
    """A datapoint can be seen this long after it was emitted (no service level exists)."""
    publishes_zeros: bool = True
    """Whether minutes without an error or a throttle have a datapoint of 0 (undocumented)."""
    alarm_extra_periods: int = 2
    """CloudWatch looks at this many periods more than EvaluationPeriods for missing data."""
