"""doctor: is a deployment wired as it must be; each check with what to do. It changes nothing."""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from remediator import wiring
from remediator.arns import Arn, parsed
from remediator.cli import options, permissions, showing
from remediator.cli.failures import hint
from remediator.cli.looking import Named, incident
from remediator.cli.options import Command, Format
from remediator.cli.outside import Office, Outside, Place, open_office
from remediator.cli.permissions import Audience
from remediator.environment import Settings
from remediator.errors import InputError, PermanentError, RemediatorError
from remediator.model import Mode, SourceKind, Target
from remediator.render import pages
from remediator.render.page import Page, Section, Table, Tone

if TYPE_CHECKING:
    from remediator.wiring import Inspector

TAG, MANAGED = "remediator", "managed"
SCHEDULER = "scheduler.amazonaws.com"


class Health(StrEnum):
    """How a check ended: as it should be, worth a thought, or in the way of the job."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """What a check found, and what to do about it."""

    health: Health
    found: str
    advice: str = ""


class Patient(NamedTuple):
    """What is looked at, and by what."""

    office: Office
    inspector: "Inspector"
    arn: str
    here: Arn
    settings: Settings
    """As they are deployed."""
    consumer: str | None
    """The one function that the checks of the pipeline are about; ``None``: several, none named."""


def _ok(found: str) -> Finding:
    return Finding(Health.OK, found)


def _warn(found: str, advice: str) -> Finding:
    return Finding(Health.WARN, found, advice)


def _fail(found: str, advice: str) -> Finding:
    return Finding(Health.FAIL, found, advice)


# --- the function itself -------------------------------------------------------------------------


def _runs(who: Patient) -> Finding:
    """Whether Lambda would run it."""
    of = who.inspector.deployment(who.arn)
    if of.reserved_concurrency == 0:
        return _fail("its reserved concurrency is 0: it never runs", "Set ReservedConcurrency.")
    if of.state not in {"Active", "Inactive"} or of.last_update != "Successful":
        return _fail(f"it is {of.state}, its last update {of.last_update}", "Deploy it anew.")
    if of.reserved_concurrency is None:
        return _warn(
            "it has no concurrency of its own, and cannot run when the account's is exhausted",
            "Set the template's ReservedConcurrency.",
        )
    return _ok(f"{of.state}, with {of.reserved_concurrency} concurrent executions of its own")


def _mode(who: Patient) -> Finding:
    """Whether it may act, and upon what."""
    of = ", ".join(who.settings.target_functions) or "any function"
    if who.settings.mode is not Mode.APPLY:
        return _ok(f"plan: it says what it would do for {of}, and changes nothing")
    return _ok(f"apply: it changes {of}, within the policy")


def _policy(who: Patient) -> Finding:
    """Under which rules it works, as far as they can be read from here."""
    source = wiring.rules(who.office.settings, who.office.clients)[1]
    if source.problem:
        return _fail(source.problem, "Mend it, and look at: remediator policy check FILE")
    return _ok(f"{source.file}, sha256 {source.sha256[:12]}")


def _permissions(who: Patient) -> Finding:
    """Whether its role may do what policies/iam.yml says, by IAM's own simulation."""
    role = who.inspector.deployment(who.arn).role_arn
    lacking = {
        action
        for one in permissions.document(Audience.FUNCTION, _said(who))["Statement"]
        for action in who.inspector.denied(role, one["Action"], *_asked(one))
    }
    if lacking:
        return _fail(
            f"its role lacks {', '.join(sorted(lacking))}",
            "Compare it with: remediator iam --for function",
        )
    return _ok("its role may do all that policies/iam.yml says")


def _asked(statement: Mapping[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """The resources of a statement, and a request of which its conditions are true."""
    context = {
        key: [value] if isinstance(value, str) else value
        for wanted in statement.get("Condition", {}).values()
        for key, value in wanted.items()
    }
    return [one for one in statement["Resource"] if "${" not in one] or ["*"], context


def _said(who: Patient) -> dict[str, str]:
    """What the permissions' places stand for in this deployment."""
    here, of, looked = who.here, who.settings, who.inspector.deployment(who.arn)
    at = f"{here.region}:{here.account_id}"
    table, group = of.journal_table or "", looked.log_group or ""
    said = {
        "AWS::Partition": here.partition,
        "AWS::Region": here.region,
        "AWS::AccountId": here.account_id,
        "TargetFunction": of.target_function,
        "TargetFunction2": of.target_function_2,
        "TargetFunction3": of.target_function_3,
        "TargetFunction4": of.target_function_4,
        "Journal.Arn": f"arn:{here.partition}:dynamodb:{at}:table/{table}" if table else None,
        "FollowUpRole.Arn": of.follow_up_role_arn,
        "Notices": of.notices_topic_arn,
        "Quarantine.Arn": of.quarantine_queue_arn,
        "CaptureBucket": of.capture_bucket,
        "FreezeParameter": of.freeze_parameter,
        "PolicyParameter": of.policy_parameter,
        "PolicyConfiguration": of.policy_configuration,
        "SharedJournal": of.shared_journal,
        "TaggedFunctionsOnly": of.tagged_functions_only,
        "DeadLetters.Arn": looked.dead_letters_arn,
        "LogGroup.Arn": f"arn:{here.partition}:logs:{at}:log-group:{group}:*" if group else None,
    }
    return {name: value for name, value in said.items() if value}


# --- what it needs -------------------------------------------------------------------------------


def _journal(who: Patient) -> Finding:
    """Whether its table is there, has its keys, and can be read."""
    table = who.settings.journal_table
    if table is None:
        return _fail(
            "no journal is set", "Set REMEDIATOR_JOURNAL_TABLE: it refuses to run without."
        )
    keys = who.inspector.table_keys(table)
    if keys != ("pk", "sk"):
        return _fail(f"{table} is keyed by {', '.join(keys)}", "It must be pk and sk, both text.")
    open_ = who.office.runbook(Mode.PLAN).need_journal()
    count = len(open_.open_incidents(who.here.account_id, who.here.region))
    return _ok(f"{table}, {count} {'incident' if count == 1 else 'incidents'} open")


def _one_journal(who: Patient) -> Finding:
    """Whether this is the one journal of the account and Region, by what its stacks say."""
    ours = who.settings.journal_table or ""
    claims = wiring.journal_claims(who.office.clients, ours).all()
    first = next(iter(claims), None)
    if first is not None and first.journal != ours:
        return _fail(
            f"this account and Region have the journal {first.journal}, of stack {first.stack} "
            f"since {first.since:%F}: beside it, nothing is changed",
            f"Deploy this one with SharedJournal={first.journal}.",
        )
    apart = [claim.stack for claim in claims if claim.journal != ours]
    if apart:
        return _warn(
            f"with a journal of their own, and so without changes: {', '.join(apart)}",
            f"Deploy them with SharedJournal={ours}.",
        )
    return _ok("no stack of this account and Region says that it keeps another")


def _schedule_role(who: Patient) -> Finding:
    """Whether the scheduler may take on the role in which it wakes the remediator."""
    role = who.settings.follow_up_role_arn
    if role is None:
        return _fail(
            "no role is set: nothing is changed, since nobody could look again",
            "Set REMEDIATOR_FOLLOW_UP_ROLE_ARN.",
        )
    if SCHEDULER not in who.inspector.trusted(role):
        return _fail(f"{role} does not trust {SCHEDULER}", f"Let {SCHEDULER} assume it.")
    lacking = who.inspector.denied(role, ["lambda:InvokeFunction"], [who.arn], {})
    if lacking:
        return _fail(f"{role} may not invoke the remediator", "Grant it lambda:InvokeFunction.")
    return _ok("the scheduler may wake the remediator")


def _alarm(who: Patient) -> Finding:
    """Whether an alarm calls it, and may."""
    allowed = who.inspector.allowed(who.arn)
    topics = [a.source_arn for a in allowed if a.principal.startswith("sns.") and a.source_arn]
    calling = who.inspector.alarms_calling([who.arn, *topics])
    if not calling:
        return _fail(
            "no alarm calls it",
            "Let one do so: the template's parameter Alarms, or remediator alarms --create.",
        )
    silent = [alarm.name for alarm in calling if not alarm.enabled]
    if silent:
        return _warn(f"the actions of {', '.join(silent)} are switched off", "Switch them on.")
    sources = [
        one.source_arn or "*" for one in allowed if one.principal.startswith("lambda.alarms")
    ]
    barred = [
        alarm.name
        for alarm in calling
        if alarm.through == who.arn and not any(fnmatchcase(alarm.arn, one) for one in sources)
    ]
    if barred:
        return _fail(
            f"{', '.join(barred)} may not invoke it",
            "Add a permission for lambda.alarms.cloudwatch.amazonaws.com with the alarm as source.",
        )
    return _ok(", ".join(f"{alarm.name} ({alarm.state})" for alarm in calling))


def _quarantine(who: Patient) -> Finding:
    """Whether what cannot be processed has somewhere to go."""
    arn = who.settings.quarantine_queue_arn
    if arn is None:
        return _warn(
            "none is set: retries are bounded only with a destination of the mapping's own",
            "Set REMEDIATOR_QUARANTINE_QUEUE_ARN.",
        )
    there = who.office.runbook(Mode.PLAN).sensor.destination_exists(arn)
    if not there:
        return _warn(
            f"{arn} {'is not there' if there is False else 'could not be seen'}",
            "Deploy the stack anew, or grant sqs:GetQueueUrl.",
        )
    if who.consumer is None:
        return _ok(f"{arn} is there")
    role = who.inspector.deployment(who.consumer).role_arn
    if who.inspector.denied(role, ["sqs:SendMessage"], [arn], {}):
        return _warn(
            f"the role of {who.consumer} may not send to it: retries are not bounded",
            "Attach the policy of the output QuarantineSendPolicyArn to that role.",
        )
    return _ok(f"{who.consumer} may send to it")


def _notices(who: Patient) -> Finding:
    """Whether somebody is told."""
    topic = who.settings.notices_topic_arn
    if topic is None:
        return _warn("no topic is set: nobody is told", "Set REMEDIATOR_NOTICES_TOPIC_ARN.")
    told = who.inspector.subscribers(topic)
    if not told:
        return _warn("nobody has subscribed to the notices", "Subscribe, and confirm it.")
    return _ok(f"{told} {'subscriber' if told == 1 else 'subscribers'}")


def _freeze(who: Patient) -> Finding:
    """Whether changes are stopped, and by whom."""
    session = who.office.runbook(Mode.PLAN)
    found = session.freeze_switch()
    if found is None and session.journal is not None:
        scopes = ["all", *([who.consumer] if who.consumer else [])]
        found = session.journal.frozen(scopes)
    if found is None:
        return _ok("nothing is frozen")
    return _warn(
        f"frozen ({found.scope}) by {found.by} since {found.at:%F %R} UTC: {found.reason}",
        "remediator unfreeze, or the switch's own parameter.",
    )


# --- the pipeline --------------------------------------------------------------------------------


def _target(who: Patient) -> Target:
    """The mapping that lags most. Raises InputError where no one function is named."""
    if who.consumer is None:
        raise InputError("several functions are watched: name one with --function")
    now = who.office.outside.clock()
    asked = incident(Named("function", who.consumer), now, Mode.PLAN)
    return who.office.runbook(Mode.PLAN).choose_target(asked)


def _tags(who: Patient) -> Finding:
    """Whether stream and function have opted in, as far as the deployment asks for that."""
    target = _target(who)
    if who.settings.tagged_functions_only == "yes":
        bare = ":".join(("arn", *who.here._replace(resource=f"function:{target.function}")))
        if who.inspector.function_tags(bare).get(TAG) != MANAGED:
            return _warn(
                f"{target.function} lacks the tag {TAG}={MANAGED}: it is only planned for",
                f"Tag the function with {TAG}={MANAGED}.",
            )
    if target.kind is not SourceKind.KINESIS:
        return _ok(f"{target.stream} is a table's stream: it has no shards to split")
    if who.inspector.stream_tags(target.source_arn).get(TAG) != MANAGED:
        return _warn(
            f"{target.stream} lacks the tag {TAG}={MANAGED}: its shards and retention stay",
            f"Tag the stream with {TAG}={MANAGED}, if that is wanted.",
        )
    return _ok(f"{target.stream} has opted in")


def _dry_plan(who: Patient) -> Finding:
    """Whether one whole plan can be made, with all of its readings."""
    target = _target(who)
    now = who.office.outside.clock()
    asked = incident(Named("event_source_mapping", target.event_source_mapping), now, Mode.PLAN)
    report = who.office.runbook(Mode.PLAN).respond(asked)
    gaps = report.diagnosis.gaps if report.diagnosis else ()
    missing = sorted({gap.permission for gap in gaps if gap.permission})
    if showing.saw_nothing(report) or missing:
        return _warn(
            f"{pages.headline(report)}; not all could be seen",
            f"Grant {', '.join(missing)}." if missing else "Look at: remediator explain",
        )
    return _ok(pages.headline(report))


# In the order in which a newcomer would wonder; one that cannot look hides none of the others.
CHECKS: Mapping[str, Callable[[Patient], Finding]] = {
    "function": _runs,
    "mode": _mode,
    "policy": _policy,
    "permissions": _permissions,
    "journal": _journal,
    "one journal": _one_journal,
    "schedule role": _schedule_role,
    "alarm": _alarm,
    "quarantine": _quarantine,
    "notices": _notices,
    "freeze": _freeze,
    "tags": _tags,
    "dry plan": _dry_plan,
}


def checked(who: Patient) -> Iterator[tuple[str, Finding]]:
    """Every check with what it found."""
    for name, check in CHECKS.items():
        try:
            yield name, check(who)
        except RemediatorError as error:
            yield name, _unseen(error)


def _unseen(error: RemediatorError) -> Finding:
    """What is not there is in the way; what may not be looked at proves nothing."""
    gone = isinstance(error, PermanentError) and error.gone
    health = Health.FAIL if gone or isinstance(error, InputError) else Health.WARN
    return Finding(
        health, str(error), hint(error) or "See the troubleshooting in docs/operations.md."
    )


# --- the command ---------------------------------------------------------------------------------

Deployed = Annotated[
    str,
    typer.Option(
        "--remediator-function",
        metavar="NAME",
        envvar="REMEDIATOR_FUNCTION",
        help="The deployed remediator that is checked.",
    ),
]


def doctor(
    context: typer.Context,
    deployment: Deployed,
    function: options.Function = None,
    policy: options.Policy = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shown: options.Shown = Format.TEXT,
) -> None:
    """Check that a deployment is wired as it must be, down to one dry plan; say what to do.

    It changes nothing. 0: nothing is in the way. 1: something is. What may not be looked at is
    warned of; remediator iam --for operator prints what that needs.
    """
    outside: Outside = context.obj
    place = Place(profile, region, policy, None, deployment)
    found = dict(checked(_patient(outside, place, deployment, function)))
    if shown is Format.JSON:
        showing.data({name: one._asdict() for name, one in found.items()})
    else:
        showing.plain_page(_page(deployment, found), shown)
    if any(one.health is Health.FAIL for one in found.values()):
        raise typer.Exit(1)


def _patient(outside: Outside, place: Place, name: str, function: str | None) -> Patient:
    office = open_office(outside, place)
    here = parsed(office.remediator_arn)
    if office.remediator_arn is None or here is None:
        raise InputError(f"{name} has no ARN")
    environ = wiring.deployed(office.clients, name).environ
    settings = Settings.from_environment(environ, needs_journal=False)
    watched = (function,) if function else settings.target_functions
    one = watched[0] if len(watched) == 1 and not set(watched[0]) & set("*?[") else None
    return Patient(
        office, wiring.inspector(office.clients), office.remediator_arn, here, settings, one
    )


def _page(name: str, found: Mapping[str, Finding]) -> Page:
    worst = {one.health for one in found.values()}
    tone, title = next(told for health, told in _TOLD.items() if health in worst)
    rows = tuple((check, one.health.value, one.found, one.advice) for check, one in found.items())
    table = Table(("check", "is", "found", "what to do"), rows)
    return Page(title.format(name), tone, sections=(Section("", table=table),))


# The worst comes first.
_TOLD = {
    Health.FAIL: (Tone.BAD, "Something is in the way of {}"),
    Health.WARN: (Tone.CAREFUL, "Nothing is in the way of {}; see the warnings"),
    Health.OK: (Tone.GOOD, "All is well with {}"),
}

COMMANDS = (
    Command(
        "doctor",
        "Install and remove",
        doctor,
        "remediator doctor --remediator-function remediator --function orders",
    ),
)
