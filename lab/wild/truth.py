"""What binds, read off the plant: which resource is used up, which record fails, who throttles.

Every few seconds each shard that lags is asked what holds its oldest record. More than one thing
may, so more than one cause may be right; the recipe of the world is not asked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from statistics import median
from typing import NamedTuple, cast

from lab.plant import World
from lab.plant.account import latency_factor
from lab.plant.cursor import Cursor
from lab.plant.lane import Lane
from lab.plant.mapping import EventSourceMapping
from lab.recorder import in_charge
from lab.wild.bearing import more_would_saturate
from remediator.model import Cause

SAMPLE_SECONDS = 10.0
# A younger record is on its way: it waits for a poll or for its batch.
LAGS_SECONDS = 8.0
# Shards that lag half as much as the worst one count, too.
WORST_SHARE = 0.5
# What holds the worst shards for so much of the time is a right answer.
RIGHT_SHARE = 0.2
# Readings are of the last minutes, before the metrics' delay: what bound then was right, too.
READ_SECONDS = 300.0
NOW_SECONDS = 60.0
# Seconds of age a second, below which the lag is going away.
FALLING = -0.1
TREND_SECONDS = 180.0
# A lag that ends by itself within that time is one to wait for.
SOON_SECONDS = 600.0
# Of fewer it cannot be told how they are spread over keys.
FEW_RECORDS = 20
# A key with such a share of what waits in a lane leaves nothing to spread.
ONE_KEY = 0.7
# With such a share it is one of two things that bind.
SHARED_KEY = 0.4

STOPPED, RESTARTS, WAITS, WORKS = "stopped", "restarts", "waits", "works"
# And no more lanes could be borne by what stands behind, as those that were more have shown.
NO_MORE_LANES = "lanes, and more would saturate"
# And nothing that AWS shows tells a record from the function: only probes may, and whether a
# failing lane halts its shard is not documented.
ALL_FAILS = "all fails"
# Of a stream in another account, whose metrics are not in ours.
UNSEEN_READS = "reads, unseen"
FAILS = frozenset({"poison", "function"})
# So long after the last success nothing is seen to succeed.
TOLD_SECONDS = 90.0
# Which causes are right where something holds a shard. A window accuses nobody, but its time
# counts: beside it, what holds a record for a moment is not what binds. Where a lane keeps up with
# what it is given, only its batches take long: no lever helps, and the function is slow. A restart
# is nobody's time.
RIGHT: Mapping[str, tuple[Cause, ...]] = {
    STOPPED: (Cause.CONSUMER_STOPPED,),
    "throttle": (Cause.THROTTLING,),
    "poison": (Cause.POISON_RECORD,),
    "function": (Cause.FUNCTION_FAILURE,),
    "timeout": (Cause.FUNCTION_FAILURE,),
    "backend": (Cause.DOWNSTREAM_SATURATED, Cause.FUNCTION_FAILURE),
    ALL_FAILS: (Cause.POISON_RECORD, Cause.FUNCTION_FAILURE),
    "saturated": (Cause.DOWNSTREAM_SATURATED,),
    "saturated, lanes": (Cause.DOWNSTREAM_SATURATED, Cause.SLOW_CONSUMER),
    "saturated, one key": (Cause.DOWNSTREAM_SATURATED, Cause.HOT_PARTITION_KEY),
    "saturated, lanes, one key": (
        *(Cause.DOWNSTREAM_SATURATED, Cause.SLOW_CONSUMER, Cause.HOT_PARTITION_KEY),
    ),
    "slowed": (Cause.DOWNSTREAM_SATURATED, Cause.SLOW_CONSUMER),
    "lanes": (Cause.SLOW_CONSUMER,),
    NO_MORE_LANES: (Cause.SLOW_CONSUMER, Cause.DOWNSTREAM_SATURATED),
    "one key": (Cause.HOT_PARTITION_KEY,),
    "lanes, one key": (Cause.SLOW_CONSUMER, Cause.HOT_PARTITION_KEY),
    "reads": (Cause.READ_CONTENTION,),
    UNSEEN_READS: (Cause.READ_CONTENTION, Cause.UNKNOWN),
    WORKS: (Cause.SLOW_CONSUMER, Cause.RECOVERING),
    WAITS: (),
}
ACCUSES = frozenset(word for word in RIGHT if word not in {WORKS, WAITS})


class Sample(NamedTuple):
    """One look: the age of the oldest record, and what holds the worst shards."""

    at: float
    age: float
    held_by: tuple[tuple[str, int], ...]
    oldest: str = ""
    """What holds the oldest record of all, which is what an alarm on the age tells of."""


class Witness:
    """Looks at the function's mappings every few seconds while the world runs."""

    def __init__(self, world: World) -> None:
        self.samples: list[Sample] = []
        self._world = world
        self._moved: dict[Cursor, tuple[int, float]] = {}
        self._saturated = False
        self._slowed: dict[EventSourceMapping, list[float]] = {}
        world.at(world.env.now + SAMPLE_SECONDS, self._look)

    def _look(self) -> None:
        now = self._world.env.now
        lagging: list[tuple[float, Cursor]] = []
        for mapping in in_charge(self._world):
            lagging += _lagging(mapping, now)
            if mapping.function.running and _keeps_up(mapping):
                self._slowed.setdefault(mapping, []).append(_slowed_by(mapping, now))
        worst, oldest = max(lagging, key=itemgetter(0), default=(0.0, None))
        far = [cursor for age, cursor in lagging if age >= max(LAGS_SECONDS, worst * WORST_SHARE)]
        held = {cursor: self._held_by(cursor, now) for cursor in far}
        counted = tuple(sorted(Counter(held.values()).items()))
        self.samples.append(Sample(now, worst, counted, held.get(oldest, "") if oldest else ""))
        self._world.at(now + SAMPLE_SECONDS, self._look)

    def _held_by(self, cursor: Cursor, now: float) -> str:
        """What holds a shard, as far as anybody could tell who does not see into the plant: where
        nothing has succeeded in any shard, records that each hold one look like a function that
        fails; and where but one shard has anything to do, that looks like a record. That more lanes
        would be too much for what stands behind is told once more of them were."""
        word = held_by(cursor, now, median(self._slowed.get(_mapping(cursor), [1.0])))
        self._saturated = self._saturated or word.startswith("saturated") or word == "backend"
        if word == "lanes" and self._saturated and more_would_saturate(cursor, now):
            return NO_MORE_LANES
        if word == "reads" and _mapping(cursor).stream.spec.account_id is not None:
            return UNSEEN_READS
        if word not in FAILS:
            return word
        others = [other for other in _mapping(cursor).cursors.values() if not other.drained]
        waiting = [other for other in others if other.oldest_arrival(now) is not None]
        alike = word == "poison" or len(waiting) == 1
        return ALL_FAILS if alike and all(self._stands(other, now) for other in others) else word

    def _stands(self, cursor: Cursor, now: float) -> bool:
        """Whether nothing has been done of it for a while."""
        done = cursor.checkpoint + len(cursor.finished)
        before, since = self._moved.get(cursor, (-1, now))
        if done != before:
            self._moved[cursor] = (done, now)
        return done == before and now - since >= TOLD_SECONDS


def _lagging(mapping: EventSourceMapping, now: float) -> Iterable[tuple[float, Cursor]]:
    for cursor in mapping.cursors.values():
        arrived = cursor.oldest_arrival(now)
        if arrived is not None and not _waits_for_parent(cursor):
            yield now - arrived, cursor


def _waits_for_parent(cursor: Cursor) -> bool:
    cursors = _mapping(cursor).cursors
    parents = (cursors.get(parent) for parent in cursor.shard.parents)
    return any(parent is not None and not parent.drained for parent in parents)


def _mapping(cursor: Cursor) -> EventSourceMapping:
    """The whole of what a cursor knows only as far as it stands on it."""
    return cast("EventSourceMapping", cursor.mapping)


# --- one shard ---------------------------------------------------------------------------------


def held_by(cursor: Cursor, now: float, slowed: float = 1.0) -> str:
    """What holds the oldest record of a shard at this moment. ``slowed``: how many times as long as
    on its own a call of what stands behind has taken while the mapping kept up."""
    mapping = _mapping(cursor)
    if mapping.function.reserved_concurrency == 0 or mapping.state in {"Disabled", "Disabling"}:
        return STOPPED
    if not cursor.running:
        return RESTARTS
    lane = _lane_of_oldest(cursor)
    if lane is None:
        return "reads" if cursor.poller.refused else _most(cursor, now, slowed)
    if cursor.is_blocked_for(lane):
        lane = next(other for other in cursor.lanes if not cursor.is_blocked_for(other))
    return lane.held_by or _of_working(cursor, lane, now, slowed)


def _keeps_up(mapping: EventSourceMapping) -> bool:
    """Whether it runs, and in no lane more than a batch waits."""
    cursors = [cursor for cursor in mapping.cursors.values() if not cursor.drained]
    size = mapping.settings.batch_size
    runs = mapping.state == "Enabled" and all(cursor.running for cursor in cursors)
    return runs and all(_waiting(lane) < size for cursor in cursors for lane in cursor.lanes)


def _slowed_by(mapping: EventSourceMapping, now: float) -> float:
    """By how many call it at once; an outage of its own is none of theirs."""
    backend = mapping.function.backend
    if backend is None:
        return 1.0
    return backend.latency_factor(now) / latency_factor(backend.spec.outages, now)


def _lane_of_oldest(cursor: Cursor) -> Lane | None:
    """The lane whose turn the oldest record is; None: it has not been read yet."""
    first, lanes = cursor.checkpoint, cursor.lanes
    if first >= cursor.position:
        return None
    hashes = cursor.mapping.stream.keys.lane_hashes
    return lanes[hashes[cursor.shard.keys[first]] % len(lanes)]


def _most(cursor: Cursor, now: float, slowed: float) -> str:
    """The oldest record is not read, though reading is not refused: the lanes are full."""
    found = Counter(
        lane.held_by or _of_working(cursor, lane, now, slowed) for lane in cursor.lanes if lane.busy
    )
    return found.most_common(1)[0][0] if found else WAITS


def _of_working(cursor: Cursor, lane: Lane, now: float, slowed: float) -> str:
    """A lane that gets its work done, and yet the record waits."""
    if not lane.busy:
        # What is not read does not fill its batch either: then that is what it waits for.
        return "reads" if _reads_are_refused(cursor, now) else WAITS
    keeps_up = _waiting(lane) < cursor.mapping.settings.batch_size
    if keeps_up and _reads_are_refused(cursor, now):
        return "reads"
    if not keeps_up and _is_at_its_cap(cursor, now):
        return "throttle"
    function = cursor.mapping.function
    backend = function.backend
    if backend is not None and backend.in_flight > backend.spec.concurrency:
        too_much = _too_much_for_it(cursor, lane, now, slowed)
        return f"saturated, {_of_lanes(cursor)}" if too_much else "saturated"
    outages = [*function.spec.outages, *(backend.spec.outages if backend else ())]
    if latency_factor(outages, now) > 1:
        return "slowed"
    return WORKS if keeps_up else _of_lanes(cursor)


def _is_at_its_cap(cursor: Cursor, now: float) -> bool:
    """This lane runs because another one is throttled: the concurrency is what there is too
    little of."""
    mapping, account = _mapping(cursor), cursor.world.account
    reserved = mapping.function.reserved_concurrency
    if reserved is not None:
        full = mapping.function.running >= reserved
    else:
        wanted = account.running_unreserved + account.neighbours_want(now) + 1
        full = wanted > account.unreserved_pool
    lanes = (lane for other in mapping.cursors.values() for lane in other.lanes)
    return full and any(lane.held_by == "throttle" for lane in lanes)


def _waiting(lane: Lane) -> int:
    """Records behind the batch that is being worked on."""
    return len(lane.queue) + sum(len(batch.records) for batch in lane.todo[:-1])


def _reads_are_refused(cursor: Cursor, now: float) -> bool:
    return bool(cursor.poller.refused) and cursor.shard.visible(now) > cursor.position


def _too_much_for_it(cursor: Cursor, lane: Lane, now: float, slowed: float) -> bool:
    """Whether more has come in for a lane since its oldest record did than it could have done in
    that time with what stands behind as slow as it was while it kept up, and nothing else in its
    way: then it binds as well, however slow what stands behind has become."""
    lanes, first = cursor.lanes, cursor.checkpoint
    hashes, keys = cursor.mapping.stream.keys.lane_hashes, cursor.shard.keys
    mine = [
        position
        for position in range(first, cursor.shard.visible(now))
        if lanes[hashes[keys[position]] % len(lanes)] is lane
    ]
    batch = mine[: cursor.mapping.settings.batch_size]
    cpu, io = cursor.mapping.function.work_seconds(cursor.weight(batch))
    seconds = cpu + io * slowed
    since = now - cursor.shard.arrivals[first]
    return len(mine) * seconds > len(batch) * since


def _of_lanes(cursor: Cursor) -> str:
    """Lanes have work to come. Whether more of them would help, say the keys of what waits in the
    fullest one; where most lanes have nothing to do, few keys share a lane."""
    lanes, size = cursor.lanes, cursor.mapping.settings.batch_size
    share = _share_of_one_key(cursor, max(lanes, key=_waiting))
    others_idle = len(lanes) > 1 and sum(_waiting(lane) >= size for lane in lanes) * 2 <= len(lanes)
    if others_idle and share >= ONE_KEY:
        return "one key"
    return "lanes, one key" if others_idle or share >= SHARED_KEY else "lanes"


def _share_of_one_key(cursor: Cursor, lane: Lane) -> float:
    """Of what waits in a lane; keys of one name are one."""
    if len(lane.queue) < FEW_RECORDS:
        return 0.0
    hashes, keys = cursor.mapping.stream.keys.lane_hashes, cursor.shard.keys
    names = Counter(hashes[keys[position]] for position in lane.queue)
    return names.most_common(1)[0][1] / len(lane.queue)


# --- over time ---------------------------------------------------------------------------------


def holders(samples: Sequence[Sample], since: float, until: float) -> dict[str, float]:
    """What held the worst shards between two times, as shares of the time in which they lagged."""
    found: Counter[str] = Counter()
    for sample in samples:
        if since <= sample.at <= until:
            for word, count in sample.held_by:
                found[word] += count
    total = sum(count for word, count in found.items() if word in RIGHT)
    return {word: count / total for word, count in found.items() if word in RIGHT}


def _that_hold(samples: Sequence[Sample], since: float, until: float) -> Iterable[str]:
    """What held the worst shards, or the oldest record of all, for long enough to be named."""
    lags = [s.oldest for s in samples if since <= s.at <= until and s.held_by]
    oldest = Counter(word for word in lags if word in RIGHT)
    shares = holders(samples, since, until)
    return {word for word, share in shares.items() if share >= RIGHT_SHARE} | {
        word for word, count in oldest.items() if count >= RIGHT_SHARE * len(lags)
    }


def right_causes(
    samples: Sequence[Sample], at: float, delay: float, threshold: float
) -> frozenset[Cause]:
    """The causes that it is right to name at a time."""
    read = at - delay
    right = {
        cause
        for since, until in ((read - READ_SECONDS, read), (read, at), (at - NOW_SECONDS, at))
        for word in _that_hold(samples, since, until)
        for cause in RIGHT[word]
    }
    falls = _falls(samples, at) or _falls(samples, read)
    if not right or falls or age_at(samples, at) < threshold:
        right.add(Cause.RECOVERING)
    return frozenset(right)


def _falls(samples: Sequence[Sample], at: float) -> bool:
    """Whether the age falls, or has just fallen."""
    before, now = age_at(samples, at - TREND_SECONDS), age_at(samples, at)
    return now - before < FALLING * TREND_SECONDS


def age_at(samples: Sequence[Sample], at: float) -> float:
    """The age at a time: that of the last look."""
    return next((s.age for s in reversed(samples) if s.at <= at), 0.0)


def ends_soon(samples: Sequence[Sample], at: float, threshold: float) -> bool:
    """Whether the lag ends by itself: below the threshold within a while, and for a while."""
    ages = [s.age for s in samples if at < s.at <= at + 2 * SOON_SECONDS]
    first = next((n for n, age in enumerate(ages) if age < threshold), None)
    if first is None or first * SAMPLE_SECONDS > SOON_SECONDS:
        return False
    later = ages[first : first + int(SOON_SECONDS / 2 / SAMPLE_SECONDS)]
    return sum(age < threshold for age in later) >= 0.8 * len(later)
