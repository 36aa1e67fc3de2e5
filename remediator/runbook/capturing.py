"""What was given up is fetched before it expires, where the policy allows it (off by default).

It reads from the stream what the stack's queue tells of, and keeps it in the stack's bucket. That
changes nobody's setting and takes nothing out of the queue; whatever it meets, the look goes on.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from remediator.errors import InputError, RemediatorError
from remediator.model import SourceKind, Target
from remediator.ports import RecordKeeper
from remediator.redrive import GivenUp, read
from remediator.runbook.turn import Turn
from remediator.settings_table import DESTINATION
from remediator.state import Captured, ChangeState, EntryKind

# Of one look, which has its own work to do: no range is begun later.
_AT_MOST = timedelta(seconds=30)
# Ranges that one incident remembers.
_MOST = 200


def capture(turn: Turn) -> None:
    """Fetch and keep what has been given up since the incident began, a bounded number a look.

    Journalled first, and again when it is kept. What a death in between leaves is kept again to
    no effect.
    """
    keeper, policy = turn.session.keeper, turn.case.policy.capture
    if not policy.enabled or not _may_give_up(turn):
        return
    refusal = _out_of_reach(turn)
    if refusal or keeper is None:
        turn.notes = (f"what was given up is not captured: {refusal}",) if refusal else ()
        return
    try:
        found = _open_ranges(turn, keeper.messages())[: policy.ranges_per_look]
    except RemediatorError as error:
        turn.notes = (f"what was given up could not be looked at: {error}", *_told(turn))
        return
    if found:
        places = (f"{one.shard_id} from {one.first}" for one, _ in found)
        turn.commit(turn.entry(EntryKind.NOTE, {"capturing": "; ".join(places)}))
        until, kept = turn.session.clock() + _AT_MOST, {}
        for one, text in found:
            if turn.session.clock() < until:
                kept[one.key] = _kept(turn, keeper, one, text)
        known = {each.key: each for each in turn.state.captured} | kept
        turn.update(captured=tuple(known.values())[-_MOST:])
        turn.commit(turn.entry(EntryKind.NOTE, {"captured": "; ".join(map(_line, kept.values()))}))
    turn.notes = _told(turn)


def _may_give_up(turn: Turn) -> bool:
    mapping = turn.case.evidence.mapping
    ours = any(t.endangers and t.state is not ChangeState.ABANDONED for t in turn.state.changes)
    return ours or (mapping is not None and mapping.retries_bounded)


def _out_of_reach(turn: Turn) -> str:
    """Why what was given up cannot be fetched from here; empty: it can."""
    deployment, mapping = turn.session.deployment, turn.case.evidence.mapping
    if turn.target.kind is SourceKind.DYNAMODB:
        return "a table's stream cannot opt in by a tag; remediator redrive --fetch reads it"
    if deployment.capture_bucket is None:
        return "the stack has no bucket for it (parameter CaptureBucket)"
    ours = [t.change.after for t in turn.state.changes if t.change.setting == DESTINATION.name]
    present = mapping.on_failure_destination if mapping else None
    where = present or next(reversed(ours), None)
    if where == deployment.quarantine_arn:
        return ""
    if str(where).split(":")[2:3] == ["s3"]:
        return f"{where} holds the records themselves"
    return f"only the stack's own queue is looked into, and it goes to {where}"


def _open_ranges(turn: Turn, texts: Iterable[str]) -> Sequence[tuple[GivenUp, str]]:
    """What is not kept yet, each once: what was never tried first, in the order of its shard."""
    now, since = turn.session.clock(), turn.state.opened_at
    known = {each.key: each for each in turn.state.captured}
    found: dict[str, tuple[GivenUp, str]] = {}
    for text in texts:
        with suppress(InputError):
            one = read(text)
            if _is_ours(one, turn.target, since) and _is_open(known.get(one.key), now):
                found[one.key] = one, text
    return sorted(found.values(), key=lambda each: (each[0].key in known, each[0].place))


def _is_ours(one: GivenUp, target: Target, since: datetime) -> bool:
    function = one.function_arn.split(":")[6:7]
    recent = one.at is None or one.at >= since
    return one.stream_arn == target.source_arn and function == [target.function] and recent


def _is_open(known: Captured | None, now: datetime) -> bool:
    if known is None:
        return True
    return not known.records and (known.expires_at is None or now < known.expires_at)


def _kept(turn: Turn, keeper: RecordKeeper, one: GivenUp, text: str) -> Captured:
    limits = turn.case.policy.capture
    about = Captured(
        key=one.key,
        shard_id=one.shard_id,
        first=one.first,
        last=one.last,
        expires_at=_expires(turn, one),
    )
    try:
        kept = keeper.keep(turn.state.incident_id, text, turn.target.kind, limits)
    except RemediatorError as error:
        return about.model_copy(update={"because": str(error)})
    return about.model_copy(update=kept.model_dump())


def _expires(turn: Turn, one: GivenUp) -> datetime | None:
    stream = turn.case.evidence.stream
    if one.arrived is None or stream is None:
        return None
    return one.arrived + timedelta(hours=stream.retention_hours)


def _told(turn: Turn) -> tuple[str, ...]:
    """What is kept in one line, and each range that is not in one of its own."""
    captured, bucket = turn.state.captured, turn.session.deployment.capture_bucket
    kept = [each for each in captured if each.records]
    lines = [
        f"of {each.shard_id} from {each.first} {'not all' if each.records else 'nothing'} is "
        f"captured: {each.because}{_until(each)}"
        for each in captured
        if each.because
    ]
    if kept:
        count, where = sum(each.records for each in kept), f"s3://{bucket}/"
        lines.insert(0, f"{count} given-up records are kept: {where}{turn.state.incident_id}/")
    return tuple(lines)


def _line(each: Captured) -> str:
    """As the journal has it, to be read by people."""
    why = f" ({each.because})" if each.because else ""
    return f"{each.shard_id} from {each.first}, {each.records} records{why}"


def _until(each: Captured) -> str:
    if each.records or each.expires_at is None:
        return ""
    return f"; it expires at {each.expires_at:%F %R} UTC"
