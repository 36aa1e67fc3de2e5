"""The only place where the ports meet AWS."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from remediator import arns, policy_file
from remediator.aws.actuator import AwsActuator, ReadOnlyActuator
from remediator.aws.claims import JournalClaims, claims
from remediator.aws.clients import Clients, clients_as, clients_of, default_clients
from remediator.aws.deployed import Deployed, ask, deployed
from remediator.aws.journal import TableJournal
from remediator.aws.notifier import AwsNotifier
from remediator.aws.pace import Reserve, SharedSlots
from remediator.aws.scheduler import EventBridgeScheduler
from remediator.aws.sensor import AwsSensor
from remediator.aws.switch import FreezeSwitch
from remediator.aws.table import DynamoTable, Table
from remediator.aws.whoami import identity, whoami
from remediator.decide import pacing
from remediator.environment import ROOT, Settings
from remediator.errors import InputError
from remediator.events import names
from remediator.events.requests import FollowUpDue
from remediator.model import Bundle, Mode, PolicySource
from remediator.policy import Policy
from remediator.replay import NoActuator, SavedSensor
from remediator.runbook import Deployment, Runbook
from remediator.state import Freeze

if TYPE_CHECKING:
    from remediator.aws.alarm_keeper import AlarmKeeper
    from remediator.aws.given_up import GivenUpRecords
    from remediator.aws.inspector import Inspector
    from remediator.aws.keeping import AwsRecordKeeper
    from remediator.aws.quota import Quotas


class Runtime(NamedTuple):
    """Where environment, time and waiting come in; the lab brings its own."""

    environ: Mapping[str, str]
    clock: Callable[[], datetime]
    sleep: Callable[[float], object]
    attempt: Callable[[], str] = lambda: uuid4().hex[:8]
    """A name of this one run: Lambda delivers an event again under its old request id."""
    table: Callable[[Clients, str], Table] = lambda clients, name: DynamoTable(
        clients.dynamodb, name
    )
    """The journal's table, by its name."""


class Caller(NamedTuple):
    """Who we are in this invocation, from Lambda's context."""

    request_id: str
    function_arn: str | None
    function_name: str | None = None


def policy_of(settings: Settings, clients: Clients | None = None) -> Policy:
    """The policy that holds, with what the deployment's parameters say in its place."""
    return rules(settings, clients)[0]


def rules(settings: Settings, clients: Clients | None = None) -> tuple[Policy, PolicySource]:
    """The policy that holds, and where it comes from; offline, without ``clients``, the file's.

    A source outside of the artifact that was never good in this process leaves the file's policy
    in force, in mode plan. Raises InputError for a wrong file.
    """
    (policy, sha256), shown, problem = _loaded(settings, clients)
    update: dict[str, object] = {}
    if settings.mode is not None:
        update["mode"] = settings.mode
    if settings.iterator_age_threshold_seconds is not None:
        thresholds = policy.thresholds.model_copy(
            update={"alarm_seconds": settings.iterator_age_threshold_seconds}
        )
        update["thresholds"] = thresholds
    if settings.tagged_functions_only == "yes":
        update["tagged_functions_only"] = True
    if problem and shown != settings.policy_source:
        update["mode"] = Mode.PLAN
    policy = policy.model_copy(update=update)
    return policy, PolicySource(file=shown, sha256=sha256, digest=policy.digest, problem=problem)


def _loaded(settings: Settings, clients: Clients | None) -> tuple[policy_file.Loaded, str, str]:
    """The policy as it was read, where it lies, and why that is not where it should."""
    file, problem = settings.policy_file, ""
    if settings.policy_source and clients is not None:
        from remediator.aws.policy_source import keeper  # noqa: PLC0415 - most have no such source

        found, problem = keeper(clients, settings.policy_source).current()
        if found is not None:
            return found, settings.policy_source, problem
        problem += "; until it can be read the mode is plan"
    shown = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    return policy_file.loaded(file), str(shown), problem


def runbook(
    settings: Settings, caller: Caller, runtime: Runtime, clients: Clients | None = None
) -> Runbook:
    """The runbook of one deployment. A plan is wired to an actuator that cannot write."""
    clients = clients or default_clients(runtime.environ)
    policy, source = rules(settings, clients)
    acting = policy.mode is Mode.APPLY
    clients.keep_pace(
        runtime.clock, runtime.sleep, _slots(settings, caller, runtime, clients, acting=acting)
    )
    claimed = _claims(settings, clients) if acting else None
    return Runbook(
        sensor=AwsSensor(clients, claimed),
        actuator=AwsActuator(clients, runtime.sleep) if acting else ReadOnlyActuator(clients),
        policy=policy,
        deployment=Deployment(
            mode=policy.mode,
            target_functions=settings.target_functions,
            quarantine_arn=settings.quarantine_queue_arn,
            capture_bucket=settings.capture_bucket,
            policy_source=source,
            **_ourselves(caller),
        ),
        clock=runtime.clock,
        holder=f"{caller.request_id}#{runtime.attempt()}",
        journal=TableJournal(runtime.table(clients, settings.journal_table))
        if settings.journal_table
        else None,
        scheduler=_scheduler(settings, caller, runtime, clients),
        notifier=AwsNotifier(clients, settings.notices_topic_arn),
        keeper=_keeper(settings, runtime, clients) if acting else None,
        freeze_switch=_switch(settings, clients),
        other_journal=claimed.other if claimed else lambda: None,
    )


def come_back(settings: Settings, caller: Caller, runtime: Runtime, due: FollowUpDue) -> None:
    """Have a look later, where there are no rules to look by. Raises as the scheduler does."""
    scheduler = _scheduler(settings, caller, runtime, default_clients(runtime.environ))
    if scheduler is None:
        return
    at = runtime.clock() + timedelta(seconds=pacing.again_seconds(due.tries))
    payload = {"follow_up": due.incident_id, "number": due.number, "tries": due.tries + 1}
    scheduler.schedule(f"remediator-{due.incident_id}-rules-{due.tries + 1}", at, payload)


def _ourselves(caller: Caller) -> dict[str, str | None]:
    """Our account, Region and name, as far as they are known."""
    try:
        named = names.function(caller.function_arn)
    except InputError:  # no context, or a local tool's
        return {"remediator": caller.function_name}
    watched = named.watched
    alias = f":{watched.qualifier}" if watched.qualifier else ""
    return {
        "account_id": named.account_id,
        "region": named.region,
        "remediator": f"{watched.function}{alias}",
    }


def offline(
    bundle: Bundle,
    policy: Policy,
    quarantine_arn: str | None,
    policy_source: PolicySource | None = None,
) -> Runbook:
    """A runbook that stands on saved evidence and touches nothing; its clock is the evidence's."""
    return Runbook(
        sensor=SavedSensor(bundle.evidence),
        actuator=NoActuator(),
        policy=policy,
        deployment=Deployment(
            mode=Mode.PLAN,
            quarantine_arn=quarantine_arn,
            policy_source=policy_source,
        ),
        clock=lambda: bundle.evidence.gathered_at,
    )


def consumers(clients: Clients) -> tuple[str, ...]:
    """The functions that a stream feeds. Raises PermanentError or TemporaryError."""
    return tuple(alarm_keeper(clients).mappings())


def quotas(clients: Clients) -> "Quotas":
    """Who reads the account's quota and asks for more, for people."""
    from remediator.aws.quota import Quotas  # noqa: PLC0415 - as alarm_keeper's

    return Quotas(clients)


def given_up_records(clients: Clients, sleep: Callable[[float], object]) -> "GivenUpRecords":
    """Who lists, fetches and replays what was given up, for people."""
    from remediator.aws.given_up import GivenUpRecords  # noqa: PLC0415 - as alarm_keeper's

    return GivenUpRecords(clients, sleep)


def alarm_keeper(clients: Clients) -> "AlarmKeeper":
    """Who lists and makes the alarms of chosen functions, for people."""
    from remediator.aws.alarm_keeper import AlarmKeeper  # noqa: PLC0415 - the function starts sooner

    return AlarmKeeper(clients)


def inspector(clients: Clients) -> "Inspector":
    """What looks at a deployment from outside."""
    from remediator.aws.inspector import Inspector  # noqa: PLC0415 - the function starts sooner

    return Inspector(clients)


def _slots(
    settings: Settings, caller: Caller, runtime: Runtime, clients: Clients, *, acting: bool
) -> Reserve | None:
    """The pace that the deployment's processes share; not for a plan by hand, which only reads."""
    in_lambda = caller.function_name is not None
    if settings.journal_table is None or not (acting or in_lambda):
        return None
    return SharedSlots(runtime.table(clients, settings.journal_table)).reserve


def _keeper(settings: Settings, runtime: Runtime, clients: Clients) -> "AwsRecordKeeper | None":
    if settings.capture_bucket is None or settings.quarantine_queue_arn is None:
        return None
    from remediator.aws.keeping import AwsRecordKeeper  # noqa: PLC0415 - most have no such bucket

    return AwsRecordKeeper(
        clients, runtime.sleep, settings.quarantine_queue_arn, settings.capture_bucket
    )


def _switch(settings: Settings, clients: Clients) -> Callable[[], Freeze | None]:
    if settings.freeze_parameter is None:
        return lambda: None
    return FreezeSwitch(clients, settings.freeze_parameter).frozen


def journal_claims(clients: Clients, journal: str) -> JournalClaims:
    """Whose journal the account has, as its stacks say it, and whether that is this one."""
    return claims(clients, journal)


def _claims(settings: Settings, clients: Clients) -> JournalClaims | None:
    """Looked for where our own stack says which journal it keeps, too."""
    if settings.journal_claim is None or settings.journal_table is None:
        return None
    return claims(clients, settings.journal_table)


def _scheduler(
    settings: Settings, caller: Caller, runtime: Runtime, clients: Clients
) -> EventBridgeScheduler | None:
    """Wakes this very function; ``None`` where it is not known who that is, or by which role."""
    function = caller.function_arn or _own_arn(settings, caller, runtime)
    if function is None or settings.follow_up_role_arn is None:
        return None
    return EventBridgeScheduler(clients, function, settings.follow_up_role_arn, runtime.clock)


def _own_arn(settings: Settings, caller: Caller, runtime: Runtime) -> str | None:
    """Our function's ARN from what the runtime and the stack say, where the context has none."""
    name = runtime.environ.get("AWS_LAMBDA_FUNCTION_NAME") or caller.function_name
    queue = arns.parsed(settings.quarantine_queue_arn)
    if not name or not queue:
        return None
    return f"arn:{queue.partition}:lambda:{queue.region}:{queue.account_id}:function:{name}"


__all__ = [
    "Caller",
    "Clients",
    "Deployed",
    "GivenUpRecords",
    "Inspector",
    "Runtime",
    "alarm_keeper",
    "ask",
    "clients_as",
    "clients_of",
    "come_back",
    "consumers",
    "deployed",
    "given_up_records",
    "identity",
    "inspector",
    "journal_claims",
    "offline",
    "policy_of",
    "quotas",
    "rules",
    "runbook",
    "whoami",
]
