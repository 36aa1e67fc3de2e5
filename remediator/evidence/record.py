"""What the readings of one Evidence amount to, as one frozen record."""

from datetime import datetime
from typing import Self

from remediator.model import Record


class Signals(Record):
    """What the readings of one Evidence amount to. Shares are 0…1, rates per second."""

    age_seconds: float | None = None
    """Iterator age at ``gathered_at``: the newest datapoint, moved on at its slope."""
    highest_age_seconds: float | None = None
    """The highest of the newest minutes that were published: in one of them the slowest of many
    lanes may not have been tried."""
    age_slope: float | None = None
    """Seconds of age gained per second; 1 means that the oldest record does not move."""
    oldest_slope: float | None = None
    """The same in the minutes since the oldest record arrived, where there are enough of them."""
    still_minutes: float | None = None
    """For how long the oldest record has not moved, but for the time between two tries."""
    stream_age_seconds: float | None = None
    """How far the slowest reader that polls the stream is behind, whoever that is."""
    falling: bool | None = None
    onset: datetime | None = None
    """When the age began to climb."""
    silent_minutes: float | None = None
    """How long nothing has been invoked, by the metrics; 0 while there are invocations."""
    successes_per_minute: float | None = None
    least_successes_per_minute: float | None = None
    """In the worst of the newest minutes: what succeeds all the time, not only since a moment."""
    successes_may_be: float | None = None
    """A minute, as many as the newest minutes may mean: few of them come and go by chance."""
    newest_error_share: float | None = None
    usual_successes_per_minute: float | None = None
    error_share: float | None = None
    """Errors per invocation in the newest minutes."""
    error_share_before: float | None = None
    """The same since it fails, in the minutes in which nothing lagged; ``None`` for want of those.
    """
    error_minutes: int | None = None
    """How many of the newest minutes had any error."""
    failing_minutes: int | None = None
    """How many of the newest minutes were over the error threshold."""
    failed_since_success: float | None = None
    """How many invocations have failed since the newest minute in which any has succeeded."""
    seen_minutes: int | None = None
    """Of how many of the newest minutes the errors were seen: some may have been lost."""
    failing_since: datetime | None = None
    """When the failing began that goes on, or was over just now."""
    failing_successes_per_minute: float | None = None
    """The median since then: what goes on succeeding beside it."""
    failures_spread: float | None = None
    """Failures a minute now against those when it began: what fails everywhere fails in each place
    to which something new has come since."""
    stands_still_by_chance: float | None = None
    """How likely a lane that lets every record fail at random would stand still for as long as the
    oldest record does: small where a record itself must be to blame."""
    one_by_chance: float | None = None
    """How likely failures at random would look like those of one record: by a lane that stands
    still, and by as many of them minute after minute. What the word goes by; it proves nothing."""
    successes_before_modified: float | None = None
    """Invocations that succeeded since it fails, up to the mapping's last change: none where one
    record holds the only lane."""
    successes_since_modified: float | None = None
    """Invocations that succeeded since the mapping was last changed, as far as the window goes."""
    first_success_after_minutes: float | None = None
    """Minutes for which all failed that was tried since the mapping was changed, before something
    succeeded: long after it would have shown, that is no doing of the change."""
    failed_beside_success: bool | None = None
    """Whether something failed in a later minute than the first success since the mapping was
    changed: where nothing does, it was no record that failed, and is over."""
    successes_by_chance: float | None = None
    """How likely as many would have succeeded since, had nothing but chance let them, which had let
    none of the tries before succeed: a function that fails nearly always lets some pass."""
    quiet_before_modified: bool | None = None
    """Whether nothing at all succeeded in the failing minutes just before the mapping was changed,
    so that what succeeds since is the change's doing."""
    failures_grew: float | None = None
    """Failures a minute now against those before the mapping was changed: two lanes that fail make
    twice as many."""
    event_share: float | None = None
    """Records that succeed by the mapping's own event counts since it fails, against the usual."""
    batch_share: float | None = None
    """Batches of streams that succeed since it fails, against the usual: no fewer than told, and no
    more than the newest minutes may mean. ``None`` where another stream may feed the function."""
    batch_share_at_most: float | None = None
    """The same, as much as so few of them may mean."""
    others_invoke: bool | None = None
    """Whether the function is invoked by something else than streams, too."""
    others_move: bool | None = None
    """Whether some shard or lane moves on while the oldest record does not. ``None`` where another
    stream may feed the function."""
    young_share: float | None = None
    """Batches that were tried while still young, in the median of the newest minutes, against the
    usual: no fewer than told. ``None`` also where lanes may be tried for the first time since it
    fails: those are young, though nothing succeeds."""
    young_by_chance: float | None = None
    """How likely the oldest record would stand still for so long, if as many of those batches
    failed as go beyond the usual; a few in any case."""
    read_share: float | None = None
    """New records that this mapping alone reads since it fails, against what arrives."""
    read_share_at_least: float | None = None
    """The same, if every failed batch was read again and was full."""
    read_share_at_most: float | None = None
    """The same, if none was counted again, and as much as so few of them may mean."""
    reads_dropped: bool | None = None
    """Whether reads have come down by about one shard's share, so that the rest surely goes on."""
    reads_outrun: bool | None = None
    """Whether more was read since it fails than pollers of stuck shards would read ahead."""
    idle_minutes_since_modified: int | None = None
    """Minutes without an invocation since the mapping was last changed, while the stream's own
    metrics were published: it was restarting."""
    failed_events_per_minute: float | None = None
    """FailedInvokeEventCount: sees the failures of functions that report partial batches."""
    failed_event_minutes: int | None = None
    """In how many of the newest minutes there were any."""
    failed_event_share: float | None = None
    """Of the events that were sent, where those are counted, too."""
    lost_events: float | None = None
    """Given up since the mapping was last changed, and not taken by any destination."""
    throttle_share: float | None = None
    throttle_share_before: float | None = None
    """The same in the minutes in which nothing lagged; ``None`` for want of those."""
    throttled_minutes: int | None = None
    throttled_but_for_lost: bool | None = None
    """Whether each of the newest minutes was throttled whose throttles were not lost; ``None``
    where none was lost, or all were."""
    attempts_per_second: float | None = None
    """Invocations and throttles together, in the busiest of the newest minutes."""
    account_throttles_per_minute: float | None = None
    others_throttles_per_minute: float | None = None
    """The same without the function's own."""
    duration_ms: float | None = None
    usual_duration_ms: float | None = None
    duration_max_ms: float | None = None
    usual_duration_max_ms: float | None = None
    concurrency: float | None = None
    usual_concurrency: float | None = None
    account_concurrency: float | None = None
    unreserved_in_use: float | None = None
    others_at_most: float | None = None
    """Of the unreserved, what others have used at once in the busiest minute that was seen."""
    claimed_concurrency: float | None = None
    """ClaimedAccountConcurrency: what Lambda itself holds against the account's limit."""
    set_aside: float | None = None
    """Of that, what nobody but its owner may use: reserved, or provisioned."""
    lanes: int | None = None
    """How many invocations the mapping may run at once: open shards × ParallelizationFactor."""
    busy_lanes: float | None = None
    """How many were running on average: invocations × duration."""
    usual_busy_lanes: float | None = None
    busy_share: float | None = None
    arrival_per_second: float | None = None
    peak_arrival_per_second: float | None = None
    """In the busiest minute of late."""
    usual_arrival_per_second: float | None = None
    processed_per_second: float | None = None
    head_per_second: float | None = None
    """What the oldest unprocessed record moves on, in records: done, and not only read."""
    least_processed_per_second: float | None = None
    """In the worst of the newest minutes, where ``processed_per_second`` is the best of them."""
    usual_processed_per_second: float | None = None
    most_done_per_second: float | None = None
    """Records, if every batch of this mapping that has ended was full."""
    records_per_batch: float | None = None
    invocation_seconds: float | None = None
    """What an invocation costs however many records it has; measured from batches of different
    sizes."""
    record_seconds: float | None = None
    """What each of its records adds."""
    lane_rate: float | None = None
    """Records that one busy lane gets done in a second. It falls when what stands behind slows
    down, and not merely because batches have grown."""
    usual_lane_rate: float | None = None
    narrow_lane_rate: float | None = None
    """The same just before more lanes ran than usual: what was slow by then is not so for them."""
    slowdown: float | None = None
    """How many times as long as usual a record takes, even if every batch were full."""
    backlog_records: float | None = None
    burst_left_records: float | None = None
    """What waits of a burst that is over, by the work that lanes have had since it came."""
    burst_left_seen_records: float | None = None
    """The same at the end of the newest minute that was seen whole."""
    burst_lanes: float | None = None
    """How many lanes more are at work for it than usual."""
    read_throttle_share: float | None = None
    read_throttled_minutes: int | None = None
    read_bytes_share: float | None = None
    """Bytes read by all shared readers against 2 MB/s a shard."""
    read_calls_share: float | None = None
    """GetRecords calls of all shared readers against 5/s a shard."""
    other_shared_readers: int | None = None
    cpu_share: float | None = None
    """CPU time against duration and the memory's share of a vCPU (Lambda Insights)."""
    stuck_shards: int | None = None
    """Shards whose own age climbs like a stopped clock (only with shard-level metrics)."""
    hot_shard: str | None = None
    """The shard that takes far more than its even share, where shard metrics show one."""
    sampled_records: int | None = None
    """Of the hot shard, whose partition keys were read; ``None`` also where they do not show."""
    hottest_key_share: float | None = None
    """The share of them that the most frequent partition key has."""
    split_at: str | None = None
    """Hash key at which a split halves what they carry, as well as it can."""
    split_share: float | None = None
    """What the larger part has of them then."""
    expires_in_seconds: float | None = None
    """Until the oldest unread record is lost: to the stream's retention or to the mapping's maximum
    record age, whichever is less."""
    retention_left_seconds: float | None = None
    """Until it passes the stream's retention."""
    maximum_age_seconds: float | None = None
    """The mapping's maximum record age, where it is what a record is lost to first."""
    drops_for_age: bool | None = None
    """Whether the age is so near that maximum that records are being dropped for it now."""
    dropped_per_minute: float | None = None
    """DroppedEventCount: records given up without a destination, where the mapping counts them."""
    destination_failures_per_minute: float | None = None
    """Deliveries to the on-failure destination that failed: what was to be kept is lost."""
    normal_age_seconds: float = 0.0
    """The age that the mapping's batching window makes normal: the window and an invocation."""
    pass_share: float | None = None
    """The share of the records read that pass the mapping's filter, where it is counted."""
    written_per_minute: float | None = None
    """What is put into the stream of late, before a filter."""
    polled_per_minute: float | None = None
    """Records that a filtering mapping has read of late, where it counts them."""
    passed_since_invoked: float | None = None
    """Records that passed the filter since the last invocation, where they are counted."""
    age_jump_seconds: float | None = None
    """By how much more than the time that passed the age jumped in the newest minutes."""
    late_minutes: float | None = None
    """For how long no age has been seen below the alarm's threshold."""
    climbing_minutes: int | None = None
    """For how many minutes the age has not fallen."""
    arrived_since_oldest: float | None = None
    """Records that arrived since the oldest unread one did, by whole minutes."""
    metric_delay_seconds: float | None = None
    """How late CloudWatch is: since the end of the newest minute that was published."""
    contradictions: tuple[str, ...] = ()
    """What cannot be, in words; the measures concerned are ``None``."""

    def __or__(self, more: Self) -> Self:
        """These, with what ``more`` was given, be it ``None``."""
        return self.model_copy(update={name: getattr(more, name) for name in more.model_fields_set})

    def late_by(self, assumed_seconds: float) -> float:
        """How many seconds CloudWatch is late; ``assumed_seconds`` where that did not show."""
        seen = self.metric_delay_seconds
        return assumed_seconds if seen is None else seen
