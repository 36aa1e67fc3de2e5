"""redrive: what an incident gave up, listed, fetched before it expires, and replayed in order."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from remediator import wiring
from remediator.cli import options, showing
from remediator.cli.acting import named_incident
from remediator.cli.journal import journal_office
from remediator.cli.kept import Folder, Range
from remediator.cli.options import Command, Format
from remediator.cli.outside import Office, Outside
from remediator.errors import InputError
from remediator.model import Mode, Target
from remediator.redrive import GivenUp, batches, failing, sequence_of, told
from remediator.render.page import Page, Section, Table, Tone
from remediator.settings_table import DESTINATION
from remediator.state import IncidentState

if TYPE_CHECKING:
    from remediator.wiring import GivenUpRecords

PANEL = "Change things"
OPEN_ENDS, ERROR = 3, 1

Into = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", help="Where records are kept; INCIDENT if not said."
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="ARN",
        help="The queue or bucket to look in; the mapping's own destination if not said.",
    ),
]
Fetch = Annotated[
    bool, typer.Option("--fetch", help="Read the records from the stream and keep them.")
]
Find = Annotated[
    bool,
    typer.Option(
        "--find",
        help="Invoke the function on halves of each range until the record that fails is alone."
        " Good records are processed again.",
    ),
]
Replay = Annotated[
    bool,
    typer.Option(
        "--replay", help="Hand the records to the function, range by range, and wait for each."
    ),
]


def redrive(
    context: typer.Context,
    *,
    incident_id: options.Incident,
    out: Into = None,
    source: Source = None,
    fetch: Fetch = False,
    find: Find = False,
    replay: Replay = False,
    place: options.Journalled,
    shown: options.Shown = Format.TEXT,
    yes: options.Yes = False,
) -> None:
    """List what an incident gave up; with --fetch keep it, with --replay hand it in again.

    With your own credentials. Fetch first: a stream keeps records for a day if nothing else is
    set, and the message for fourteen. Interrupted, it goes on where it stopped; what was replayed
    is not replayed again. 0: nothing is left. 3: something is. 1: something fails.
    """
    outside: Outside = context.obj
    which = named_incident(incident_id)
    if (find or replay) and not yes and not outside.interactive():
        raise typer.BadParameter(
            "this invokes the function, and there is no terminal to ask at: say --yes",
            param_hint="'--yes'",
        )
    office = journal_office(outside, place)
    state = office.runbook(Mode.PLAN).load_incident(which)
    if state.target is None:
        raise InputError(f"incident {which} has no target")
    keeper = wiring.given_up_records(office.clients, outside.sleep)
    folder = Folder(out or Path(which))
    bucket = office.settings.capture_bucket
    texts = (
        *(keeper.captured(bucket, which) if bucket else ()),
        *keeper.messages(_destination(state, office, source), state.target.event_source_mapping),
    )
    found, others = told(texts, state.target.source_arn)
    ranges = folder.load()
    for one in found:
        ranges.setdefault(one.key, _listed(one))
    work = _Work(keeper, folder, state.target, ranges)
    if fetch or find or replay:
        work.fetch(found)
    if (find or replay) and not yes:
        typer.confirm(f"Invoke {state.target.function} with what is kept?", abort=True, err=True)
    if find:
        work.find()
    if replay:
        work.replay()
    _show(ranges, others, folder, shown)
    standings = {each.standing for each in ranges.values()}
    if "failed" in standings:
        raise typer.Exit(ERROR)
    if standings - {"replayed"}:
        raise typer.Exit(OPEN_ENDS)


def _destination(state: IncidentState, office: Office, said: str | None) -> str:
    """Said, else what an incident's change has set, else the mapping's own, else the stack's."""
    ours = next(
        (t.change.after for t in reversed(state.changes) if t.change.setting == DESTINATION.name),
        None,
    )
    seen = state.mapping_seen.on_failure_destination if state.mapping_seen else None
    where = said or ours or seen or office.settings.quarantine_queue_arn
    if not isinstance(where, str):
        raise InputError("the incident names no destination: say which with --from ARN")
    return where


def _listed(one: GivenUp) -> Range:
    return Range(one.key, one.shard_id, one.first, one.last, one.batch_size, one.condition)


class _Work(NamedTuple):
    """One run of the command."""

    keeper: "GivenUpRecords"
    folder: Folder
    target: Target
    ranges: dict[str, Range]

    def _moved(self, key: str, **to: Any) -> None:
        """Every step is written down before the next one."""
        self.ranges[key] = self.ranges[key]._replace(**to)
        self.folder.keep(self.ranges)

    def fetch(self, found: Sequence[GivenUp]) -> None:
        """Keep the records of what is not kept yet."""
        for number, one in enumerate(found, 1):
            if self.ranges[one.key].standing not in {"listed", "expired"}:
                continue
            _progress(f"fetching {number} of {len(found)}: {one.shard_id}")
            records = (
                list(one.event["Records"])
                if one.event is not None
                else list(self.keeper.read(one, self.target.kind))
            )
            if not records:
                self._moved(one.key, standing="expired", note="no longer in the stream")
                continue
            self.folder.keep_records(one.key, records)
            more = len(records) - one.batch_size
            note = (
                f"{more} more than were given up: with several lanes a shard, others' lie between"
                if more > 0
                else ""
            )
            self._moved(one.key, standing="kept", records=len(records), note=note)

    def _kept(self) -> list[Range]:
        kept = [each for each in self.ranges.values() if each.standing in {"kept", "failed"}]
        return sorted(kept, key=lambda each: (each.shard_id, int(each.first)))

    def find(self) -> None:
        """Name one record of each range that fails."""
        for each in self._kept():
            records = self.folder.records(each.key)
            _progress(f"looking for what fails among {len(records)} of {each.shard_id}")
            bad = failing(records, self._fails)
            note = "all succeed together" if bad is None else f"{sequence_of(bad)} fails"
            self._moved(each.key, note=note)

    def _fails(self, records: Sequence[Mapping[str, Any]]) -> bool:
        return self.keeper.invoke(self.target, records).failed

    def replay(self) -> None:
        """In order within a shard; where one fails, the rest of its shard waits."""
        stopped: set[str] = set()
        for each in self._kept():
            if each.shard_id in stopped:
                continue
            if not self._replay(each):
                stopped.add(each.shard_id)

    def _replay(self, each: Range) -> bool:
        done = int(each.done_to or -1)
        left = [r for r in self.folder.records(each.key) if sequence_of(r) > done]
        for batch in batches(left, max(1, each.batch_size)):
            _progress(
                f"replaying {each.shard_id}: {len(batch)} records from {sequence_of(batch[0])}"
            )
            attempt = self.keeper.invoke(self.target, batch)
            taken = [sequence_of(r) for r in batch if not attempt.failed]
            if attempt.failed and attempt.from_sequence:
                taken = [n for n in map(sequence_of, batch) if n < attempt.from_sequence]
            if taken:
                self._moved(each.key, done_to=str(max(taken)))
            if attempt.failed:
                self._moved(each.key, standing="failed", note=attempt.because)
                return False
        self._moved(each.key, standing="replayed", note="")
        return True


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _show(ranges: Mapping[str, Range], others: int, folder: Folder, shown: Format) -> None:
    if shown is Format.JSON:
        showing.data({"ranges": [each._asdict() for each in ranges.values()], "others": others})
        return
    rows = tuple(
        (each.standing, each.shard_id, each.first, str(each.batch_size), each.condition, each.note)
        for each in ranges.values()
    )
    columns = ("what", "shard", "from sequence number", "given up", "because", "note")
    left = [each for each in ranges.values() if each.standing != "replayed"]
    facts = [("kept in", str(folder.path))] if any(r.records for r in ranges.values()) else []
    if others:
        facts.append(("other messages", str(others)))
    title = (
        f"{len(left)} of {len(ranges)} ranges are left" if ranges else "Nothing was given up there"
    )
    section = (Section("", table=Table(columns, rows)),) if rows else ()
    page = Page(title, Tone.CAREFUL if left else Tone.GOOD, facts=tuple(facts), sections=section)
    showing.plain_page(page, shown)


COMMANDS = (
    Command(
        "redrive",
        PANEL,
        redrive,
        "remediator redrive inc-0123456789abcdef0123 --fetch\n"
        "remediator redrive inc-0123456789abcdef0123 --replay",
    ),
)
