"""Checks of the pipeline that it watches, down to one dry plan."""

from typing import TYPE_CHECKING

from remediator.cli import showing
from remediator.cli.looking import Named, incident
from remediator.errors import InputError
from remediator.model import Mode, SourceKind, Target
from remediator.render import pages

if TYPE_CHECKING:
    pass

from remediator.cli.doctor.finding import Finding, Patient, ok, warn

TAG, MANAGED = "remediator", "managed"


def _target(who: Patient) -> Target:
    """The mapping that lags most. Raises InputError where no one function is named."""
    if who.consumer is None:
        raise InputError("several functions are watched: name one with --function")
    now = who.office.outside.clock()
    asked = incident(Named("function", who.consumer), now, Mode.PLAN)
    return who.office.runbook(Mode.PLAN).choose_target(asked)


def tags(who: Patient) -> Finding:
    """Whether stream and function have opted in, as far as the deployment asks for that."""
    target = _target(who)
    if who.settings.tagged_functions_only == "yes":
        bare = ":".join(("arn", *who.here._replace(resource=f"function:{target.function}")))
        if who.inspector.function_tags(bare).get(TAG) != MANAGED:
            return warn(
                f"{target.function} lacks the tag {TAG}={MANAGED}: it is only planned for",
                f"Tag the function with {TAG}={MANAGED}.",
            )
    if target.kind is not SourceKind.KINESIS:
        return ok(f"{target.stream} is a table's stream: it has no shards to split")
    if who.inspector.stream_tags(target.source_arn).get(TAG) != MANAGED:
        return warn(
            f"{target.stream} lacks the tag {TAG}={MANAGED}: its shards and retention stay",
            f"Tag the stream with {TAG}={MANAGED}, if that is wanted.",
        )
    return ok(f"{target.stream} has opted in")


def dry_plan(who: Patient) -> Finding:
    """Whether one whole plan can be made, with all of its readings."""
    target = _target(who)
    now = who.office.outside.clock()
    asked = incident(Named("event_source_mapping", target.event_source_mapping), now, Mode.PLAN)
    report = who.office.runbook(Mode.PLAN).respond(asked)
    gaps = report.diagnosis.gaps if report.diagnosis else ()
    missing = sorted({gap.permission for gap in gaps if gap.permission})
    if showing.saw_nothing(report) or missing:
        return warn(
            f"{pages.headline(report)}; not all could be seen",
            f"Grant {', '.join(missing)}." if missing else "Look at: remediator explain",
        )
    return ok(pages.headline(report))
