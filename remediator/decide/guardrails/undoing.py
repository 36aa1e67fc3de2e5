"""To put a value back is a change like any other: the same guardrails, and never a loss of data."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from remediator.decide.guardrails.inquiry import Inquiry, Word, approve, block
from remediator.evidence.metrics import Metric
from remediator.model import Change, Evidence, Reader, Resource, Series
from remediator.setting import Setting
from remediator.settings_table import (
    DESTINATION,
    RECORD_AGE,
    RETENTION,
    RETRIES,
    SHARDS,
    lowers,
    of,
)
from remediator.state import ChangeState, TrackedChange


class Undo(StrEnum):
    """Why something is put back."""

    RESTORE = "restore"
    """All is quiet, and it need not stay."""
    HARM = "harm"
    """It did harm: that ends at once, whatever was changed of late."""
    GOOD_ONES = "good_ones"
    """It gives good records up: the same, and nobody is asked again for the restart."""
    BY_HAND = "by_hand"
    """A person asks for it."""


# Do not hold for a value that was the owner's own before, and that the approval of the change has
# covered: what may be lost by it is asked below.
_THEIRS = frozenset(
    {"limit", "shard_limit", "others_on_the_stream", "discard", "autonomy", "opted_in"}
)
# Keeps us from more; what is ours in effect is nobody else's to put back.
_OURS = frozenset({"one_journal"})
# Are for what is done of ourselves and can wait.
_PACE = frozenset({"cooldown", "budget"})
# Keep us from acting by ourselves; a person's word stands above them.
_HUMAN = frozenset(
    {"freeze", "maintenance_window", "unknown_policy", "human_change", "tumbling_window"}
)
# Was allowed with the change itself, by whoever let it be made.
_ALLOWED = frozenset({"latest_position"})
LIFTED: Mapping[Undo, frozenset[str]] = {
    Undo.RESTORE: _THEIRS | _OURS,
    Undo.HARM: _THEIRS | _OURS | _PACE,
    Undo.GOOD_ONES: _THEIRS | _OURS | _PACE | _ALLOWED,
    Undo.BY_HAND: _THEIRS | _OURS | _PACE | _HUMAN,
}


def put_back(which: Sequence[TrackedChange]) -> tuple[Change, ...]:
    """One change a setting: from the newest value of ours to the oldest that was found.

    ``which``: newest first. What captures comes last, once it is known what may still fail.
    """
    net: dict[tuple[Resource, str], Change] = {}
    for tracked in which:
        inverse = tracked.change.inverse()
        key = inverse.resource, inverse.setting
        known = net.get(key, inverse)
        net[key] = known.model_copy(update={"after": inverse.after})
    return tuple(sorted(net.values(), key=lambda change: of(change) is DESTINATION))


Checks = Mapping[str, Callable[[Inquiry], Word]]


def checks(why: Undo, guardrails: Checks, captured: Sequence[TrackedChange] = ()) -> Checks:
    """The guardrails that hold for putting something back: the same, and what would be lost.

    ``captured``: all changes of the incident, also those that are over, by which records may have
    been captured.
    """
    kept = {name: check for name, check in guardrails.items() if name not in LIFTED[why]}
    return kept | {
        "retention_stays": lambda ask: _retention_stays(ask, why, captured),
        "destination_in_use": _destination_in_use,
        "record_age_returns": _record_age_returns,
        "read_again": lambda ask: None if why is Undo.BY_HAND else _read_again(ask),
        "other_consumers": lambda ask: None if why is Undo.BY_HAND else _others_are_asked(ask),
    }


# May pass in a quieter moment.
WAITING = frozenset({"destination_in_use", "record_age_returns"})


# --- what would be lost --------------------------------------------------------------------------


def _retention_stays(ask: Inquiry, why: Undo, captured: Sequence[TrackedChange]) -> Word:
    """What is older than a shorter retention is gone for every reader, almost at once."""
    change = ask.change
    if ask.row is not RETENTION or not lowers(change):
        return None
    stays = f"the retention stays at {change.before} h until a person lowers it"
    if why is not Undo.BY_HAND:
        return block(f"{stays}: what is older would be gone for every reader of the stream")
    needed = _why_retention_is_needed(ask, captured)
    return block(f"{stays}: {needed}") if needed else None


def _why_retention_is_needed(ask: Inquiry, captured: Sequence[TrackedChange]) -> str | None:
    """Why a person's rollback may not lower it either; ``None``: nothing older is needed."""
    hours, evidence, signals = ask.change.after, ask.evidence, ask.case.signals
    if not isinstance(hours, int):
        return "what it was before was not seen"
    safe = hours * 3600 * _SAFE_SHARE
    ages = {
        "this mapping": signals.age_seconds,
        "the stream's slowest reader": signals.stream_age_seconds,
    }
    for reader, age in ages.items():
        if age is None:
            return f"not seen: how far behind {reader} is"
        if age >= safe:
            return f"{reader} is {age / 3600:.1f} h behind"
    unseen = _unseen_reader(evidence)
    if unseen is not None:
        return f"not seen: how far behind {unseen} is"
    if _metadata_only(evidence, captured):
        return "records that were given up are kept there only: their messages hold metadata"
    return None


# Of the shorter retention: so far behind a reader may be, and none of its records near the end.
_SAFE_SHARE = 0.5


def _unseen_reader(evidence: Evidence) -> str | None:
    """A reader whose place in the stream no metric shows: pushed to, or stopped for now."""
    if evidence.readers is None:
        return "any other reader of the stream"
    hidden = (r for r in evidence.readers if not r.shared_throughput or not r.enabled)
    return next((f"reader {reader.name}" for reader in hidden), None)


def _metadata_only(evidence: Evidence, captured: Sequence[TrackedChange]) -> bool:
    """Whether a destination may hold messages whose records are only in the stream: all but S3."""
    bounded = any(
        of(t.change) is RETRIES and t.state is not ChangeState.ABANDONED for t in captured
    )
    mapping = evidence.mapping
    kept = mapping.on_failure_destination if mapping else None
    to_s3 = kept is not None and ":s3:" in kept
    theirs = kept is not None and mapping is not None and mapping.maximum_retry_attempts != -1
    return (bounded or theirs) and not to_s3


def _destination_in_use(ask: Inquiry) -> Word:
    """What captures stays for as long as something may still be given up."""
    change, mapping = ask.change, ask.evidence.mapping
    if ask.row is not DESTINATION or change.after is not None:
        return None
    if mapping is None:
        return block("the mapping was not seen")
    if _bounds(ask, RETRIES):
        return block("retries are bounded: what they give up has to be captured (invariant 1)")
    if _bounds(ask, RECORD_AGE):
        return block("records are given up for their age, and have to be captured (invariant 1)")
    stream = ask.evidence.stream
    if stream is not None and (stream.max_record_kib or 0) > _ORDINARY_KIB:
        return block(
            "the stream takes records that may be too large for an invocation: without a "
            "destination they would be lost"
        )
    if ask.case.signals.error_minutes != 0:
        return block(
            "invocations fail, or it was not seen whether they do: what is given up just "
            "now has to be captured"
        )
    return None


_ORDINARY_KIB = 1024


def _bounds(ask: Inquiry, setting: Setting) -> bool:
    return ask.after(setting, setting.now(ask.evidence)) not in setting.never


def _record_age_returns(ask: Inquiry) -> Word:
    """A maximum record age comes back where nothing that waits is near it."""
    change, age = ask.change, ask.case.signals.age_seconds
    if ask.row is not RECORD_AGE or not isinstance(change.after, int):
        return None
    if change.after == -1:
        return None
    restart = ask.policy.forecast.restart_seconds
    idle = ask.case.signals.arrival_per_second == 0
    if age is not None and (age + (0 if idle else restart)) < change.after:
        return None
    return block(
        f"with {change.after} s as the maximum record age again, the restart (about {restart} s) "
        "would drop what waits: it stays lifted until a quiet moment, or a person puts it back"
    )


def _read_again(ask: Inquiry) -> Word:
    """A mapping that was stopped goes on where it was: what another one has read since comes twice.
    Where that one has read nothing, there is nothing to be read again."""
    if not ask.row.takes_over or _read_nothing(ask.evidence):
        return None
    return approve(
        "the old mapping goes on where it was stopped: all that was read since the takeover would "
        "be processed again"
    )


def _read_nothing(evidence: Evidence) -> bool:
    """Whether the mapping that took over is refused what it reads by, and was pushed nothing."""
    said = evidence.mapping.last_processing_result if evidence.mapping else None
    pushed = evidence.metrics.get(Metric.PUSHED_RECORDS, Series()).values
    return (said or "").startswith("PROBLEM") and not any(pushed)


def _others_are_asked(ask: Inquiry) -> Word:
    """Shards are not merged under other consumers without a person's word."""
    if ask.row is not SHARDS:
        return None
    if ask.policy.is_ours_alone(ask.evidence.target.stream):
        return None
    others: Sequence[Reader] | None = ask.evidence.readers
    who = "consumers that were not seen" if others is None else ", ".join(r.name for r in others)
    return approve(
        "a merge acts on every consumer of the stream "
        f"({who or 'also such as AWS does not list'}), "
        "and may lose records that a producer has aggregated"
    )
