"""Checks of what it needs around it: its journal, who wakes it, who is told."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from remediator import wiring
from remediator.model import Mode

if TYPE_CHECKING:
    pass

from remediator.cli.doctor.finding import Finding, Patient, fail, ok, warn

SCHEDULER = "scheduler.amazonaws.com"


def journal(who: Patient) -> Finding:
    """Whether its table is there, has its keys, and can be read."""
    table = who.settings.journal_table
    if table is None:
        return fail("no journal is set", "Set REMEDIATOR_JOURNAL_TABLE: it refuses to run without.")
    keys = who.inspector.table_keys(table)
    if keys != ("pk", "sk"):
        return fail(f"{table} is keyed by {', '.join(keys)}", "It must be pk and sk, both text.")
    open_ = who.office.runbook(Mode.PLAN).need_journal()
    count = len(open_.open_incidents(who.here.account_id, who.here.region))
    return ok(f"{table}, {count} {'incident' if count == 1 else 'incidents'} open")


def one_journal(who: Patient) -> Finding:
    """Whether this is the one journal of the account and Region, by what its stacks say."""
    ours = who.settings.journal_table or ""
    claims = wiring.journal_claims(who.office.clients, ours).all()
    first = next(iter(claims), None)
    if first is not None and first.journal != ours:
        return fail(
            f"this account and Region have the journal {first.journal}, of stack {first.stack} "
            f"since {first.since:%F}: beside it, nothing is changed",
            f"Deploy this one with SharedJournal={first.journal}.",
        )
    apart = [claim.stack for claim in claims if claim.journal != ours]
    if apart:
        return warn(
            f"with a journal of their own, and so without changes: {', '.join(apart)}",
            f"Deploy them with SharedJournal={ours}.",
        )
    return ok("no stack of this account and Region says that it keeps another")


def schedule_role(who: Patient) -> Finding:
    """Whether the scheduler may take on the role in which it wakes the remediator."""
    role = who.settings.follow_up_role_arn
    if role is None:
        return fail(
            "no role is set: nothing is changed, since nobody could look again",
            "Set REMEDIATOR_FOLLOW_UP_ROLE_ARN.",
        )
    if SCHEDULER not in who.inspector.trusted(role):
        return fail(f"{role} does not trust {SCHEDULER}", f"Let {SCHEDULER} assume it.")
    lacking = who.inspector.denied(role, ["lambda:InvokeFunction"], [who.arn], {})
    if lacking:
        return fail(f"{role} may not invoke the remediator", "Grant it lambda:InvokeFunction.")
    return ok("the scheduler may wake the remediator")


def alarm(who: Patient) -> Finding:
    """Whether an alarm calls it, and may."""
    allowed = who.inspector.allowed(who.arn)
    topics = [a.source_arn for a in allowed if a.principal.startswith("sns.") and a.source_arn]
    calling = who.inspector.alarms_calling([who.arn, *topics])
    if not calling:
        return fail(
            "no alarm calls it",
            "Let one do so: the template's parameter Alarms, or remediator alarms --create.",
        )
    silent = [alarm.name for alarm in calling if not alarm.enabled]
    if silent:
        return warn(f"the actions of {', '.join(silent)} are switched off", "Switch them on.")
    sources = [
        one.source_arn or "*" for one in allowed if one.principal.startswith("lambda.alarms")
    ]
    barred = [
        alarm.name
        for alarm in calling
        if alarm.through == who.arn and not any(fnmatchcase(alarm.arn, one) for one in sources)
    ]
    if barred:
        return fail(
            f"{', '.join(barred)} may not invoke it",
            "Add a permission for lambda.alarms.cloudwatch.amazonaws.com with the alarm as source.",
        )
    return ok(", ".join(f"{alarm.name} ({alarm.state})" for alarm in calling))


def quarantine(who: Patient) -> Finding:
    """Whether what cannot be processed has somewhere to go."""
    arn = who.settings.quarantine_queue_arn
    if arn is None:
        return warn(
            "none is set: retries are bounded only with a destination of the mapping's own",
            "Set REMEDIATOR_QUARANTINE_QUEUE_ARN.",
        )
    there = who.office.runbook(Mode.PLAN).sensor.destination_exists(arn)
    if not there:
        return warn(
            f"{arn} {'is not there' if there is False else 'could not be seen'}",
            "Deploy the stack anew, or grant sqs:GetQueueUrl.",
        )
    if who.consumer is None:
        return ok(f"{arn} is there")
    role = who.inspector.deployment(who.consumer).role_arn
    if who.inspector.denied(role, ["sqs:SendMessage"], [arn], {}):
        return warn(
            f"the role of {who.consumer} may not send to it: retries are not bounded",
            "Attach the policy of the output QuarantineSendPolicyArn to that role.",
        )
    return ok(f"{who.consumer} may send to it")


def notices(who: Patient) -> Finding:
    """Whether somebody is told."""
    topic = who.settings.notices_topic_arn
    if topic is None:
        return warn("no topic is set: nobody is told", "Set REMEDIATOR_NOTICES_TOPIC_ARN.")
    told = who.inspector.subscribers(topic)
    if not told:
        return warn("nobody has subscribed to the notices", "Subscribe, and confirm it.")
    return ok(f"{told} {'subscriber' if told == 1 else 'subscribers'}")


def freeze(who: Patient) -> Finding:
    """Whether changes are stopped, and by whom."""
    session = who.office.runbook(Mode.PLAN)
    found = session.freeze_switch()
    if found is None and session.journal is not None:
        scopes = ["all", *([who.consumer] if who.consumer else [])]
        found = session.journal.frozen(scopes)
    if found is None:
        return ok("nothing is frozen")
    return warn(
        f"frozen ({found.scope}) by {found.by} since {found.at:%F %R} UTC: {found.reason}",
        "remediator unfreeze, or the switch's own parameter.",
    )
