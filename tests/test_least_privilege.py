"""Exactly policies/iam.yml is enough for every path, and every statement is needed by some path.

Two judges. moto's enforcement refuses a call whose action the role was not granted. It asks with
the resource ``*`` for everything but SQS and takes a condition that it cannot see for a Deny, so
there the role gets the actions alone. It asks for ``dynamodb:TransactWriteItems``, an action that
AWS does not have (a transaction needs the permissions of its parts), and for CloudWatch's actions
by the name that requests are signed with; those are granted beside. GetAccountSettings, the
DescribeStream of DynamoDB Streams and AppConfig's data it does not know: they are answered before
they reach it. Its denial is XML whatever the protocol, so that some SDK clients see no more than a
403.

ARNs, conditions and the parts of transactions are weighed by ``tests/iam.py`` on every call as it
was made: on these ones, and on those of a whole incident in the lab.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.core.authorization import enable_iam_authentication

from lab.bridge import Conditions, Rehearsal
from lab.first_write import CONSUMER, clogging
from lab.own_aws import make_journal_table
from remediator.arns import successor_name
from remediator.aws import neighbours
from remediator.aws.actuator import AwsActuator
from remediator.aws.asking import Question, ask_all
from remediator.aws.claims import JournalClaims
from remediator.aws.clients import Clients
from remediator.aws.journal import TableJournal
from remediator.aws.keeping import AwsRecordKeeper
from remediator.aws.notifier import AwsNotifier
from remediator.aws.policy_source import PolicyKeeper
from remediator.aws.scheduler import EventBridgeScheduler
from remediator.aws.sensor import AwsSensor
from remediator.aws.switch import FreezeSwitch
from remediator.aws.table import DynamoTable
from remediator.errors import PermanentError
from remediator.execution import promotion
from remediator.execution.takeover import Step, through_fan_out, written
from remediator.model import Resource, ResourceKind, SourceKind, Target, Watched
from remediator.policy import Capture
from remediator.ports import Notice
from tests.aws.aws_world import ACCOUNT, NOW, REGION, World, kinesis_target, with_revision
from tests.histories import claim, entry, freeze, spent, state
from tests.iam import CAPABILITIES, Ask, Call, Place, allowing, asked
from tests.policy_lint import documents, findings

TABLE = "journal"
ROLE_OF_FOLLOW_UPS = f"arn:aws:iam::{ACCOUNT}:role/follow-up"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:notices"
NOT_CALLED_BY_US = {
    "KeepDeadLetters": "used by Lambda in the function's role",
    "WriteLogs": "used by Lambda in the function's role",
    "WriteTraces": "used by Lambda's active tracing, in the function's role",
}
GRANTED = frozenset(action for one in CAPABILITIES.values() for action in one["actions"])


def place(uuid: str, stream: str) -> Place:
    """The stack whose one opted-in function is ``consumer``, and the stream that opted in."""
    return Place(
        ACCOUNT,
        REGION,
        {
            "TargetFunction": "consumer",
            "SharedJournal": "",
            "Journal.Arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}",
            "FollowUpRole.Arn": ROLE_OF_FOLLOW_UPS,
            "Notices": TOPIC,
            "FreezeParameter": "/freeze",
            "PolicyParameter": "/policy",
            "CaptureBucket": "captured",
            "Quarantine.Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine",
            "DeadLetters.Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead-letters",
            "LogGroup.Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:remediator",
        },
        tags={stream: {"remediator": "managed"}},
        functions={uuid: _FUNCTION},
    )


# --- the account, made by somebody who may ------------------------------------------------------


class Stage:
    """A pipeline of each kind, the stack's own things, and a role that may do what it is told."""

    def __init__(self, actions: Iterable[str]) -> None:
        admin = World()
        self.stream = admin.stream("orders", shards=2)
        admin.function("consumer")
        _with_alias(admin.session)
        self.given_up = admin.session.client("kinesis").put_record(
            StreamName="orders", Data=b"bad", ExplicitHashKey="0", PartitionKey="k"
        )["SequenceNumber"]
        self.uuid = admin.mapping(self.stream)
        self.table_stream = _table_with_stream(admin.session)
        self.table_uuid = admin.mapping(self.table_stream)
        self.spare = admin.mapping(admin.stream("spare"), Enabled=False)
        _own_things(admin.session)
        self.calls: list[Call] = []
        self.clients = Clients(self._session_of_role(admin.session, actions))

    def _session_of_role(self, admin: boto3.Session, actions: Iterable[str]) -> boto3.Session:
        iam = admin.client("iam")
        trust = {"Version": "2012-10-17", "Statement": []}
        role = iam.create_role(RoleName="remediator", AssumeRolePolicyDocument=json.dumps(trust))
        statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(
            RoleName="remediator", PolicyName="all", PolicyDocument=json.dumps(policy)
        )
        keys = admin.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="test")[
            "Credentials"
        ]
        session = boto3.Session(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=REGION
        )
        session.events.register("before-parameter-build", self._keep)
        session.events.register("before-sign.lambda", _with_a_body)
        session.events.register("after-call.lambda.GetFunctionConfiguration", with_revision)
        for call, answer in _NOT_IN_MOTO.items():
            answered: Callable[..., Any] = partial(_answered, answer)
            session.events.register(f"before-call.{call}", answered)
        through: Callable[..., Any] = self._through
        session.events.register("before-call.lambda.ListEventSourceMappings", through)
        return session

    def _through(self, params: Mapping[str, Any], **_: Any) -> object:
        """What reads through a registered consumer: moto lets no mapping do so."""
        if "/consumer/" not in params["query_string"].get("EventSourceArn", ""):
            return None
        spare = {"UUID": self.spare, "FunctionArn": _FUNCTION, "State": "Disabled"}
        return _answered({"EventSourceMappings": [spare]})

    def _keep(self, params: Any, model: Any, **_: Any) -> None:
        service = {"dynamodb-streams": "dynamodbstreams", "eventbridge": "events"}.get(
            found := model.service_model.service_id.hyphenize(), found
        )
        self.calls.append(Call(service, model.name, dict(params)))

    @property
    def place(self) -> Place:
        there = place(self.uuid, self.stream)
        return there._replace(functions=dict.fromkeys((self.uuid, self.spare), _FUNCTION))


_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:consumer"
_NOT_IN_MOTO: Mapping[str, Mapping[str, Any]] = {
    "lambda.GetAccountSettings": {
        "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}
    },
    "lambda.CreateEventSourceMapping": {"UUID": "new"},
    "lambda.ListTags": {"Tags": {"team": "orders"}},
    "dynamodb-streams.DescribeStream": {
        "StreamDescription": {"StreamStatus": "ENABLED", "Shards": []}
    },
    "appconfigdata.StartConfigurationSession": {"InitialConfigurationToken": "first"},
    "appconfigdata.GetLatestConfiguration": {
        "Configuration": SimpleNamespace(read=lambda: b"mode: plan"),
        "NextPollConfigurationToken": "next",
    },
}


def _answered(answer: Mapping[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
    metadata = {"HTTPStatusCode": 200, "RetryAttempts": 0}
    return AWSResponse("", 200, HTTPHeaders(), None), {**answer, "ResponseMetadata": metadata}


def _with_a_body(request: AWSRequest, **_: Any) -> None:
    """Moto checks the signature of a request without a body as if its query were the body."""
    if not request.data:
        request.data = b" "


def _with_alias(session: boto3.Session) -> None:
    lambda_ = session.client("lambda")
    version = lambda_.publish_version(FunctionName="consumer")["Version"]
    lambda_.create_alias(FunctionName="consumer", Name="live", FunctionVersion=version)


def _table_with_stream(session: boto3.Session) -> str:
    made = session.client("dynamodb").create_table(
        TableName="orders",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return made["TableDescription"]["LatestStreamArn"]


def _own_things(session: boto3.Session) -> None:
    make_journal_table(session.client("dynamodb"), TABLE)
    session.client("sns").create_topic(Name="notices")
    session.client("sqs").create_queue(QueueName="quarantine")
    place: Any = {"LocationConstraint": REGION}
    session.client("s3").create_bucket(Bucket="failed-records", CreateBucketConfiguration=place)
    session.client("s3").create_bucket(Bucket="captured", CreateBucketConfiguration=place)
    session.client("ssm").put_parameter(Name="/freeze", Value="off", Type="String")
    session.client("ssm").put_parameter(Name="/policy", Value="mode: plan", Type="String")


def in_motos_words(actions: Iterable[str]) -> set[str]:
    """The actions, and what moto calls them where that differs."""
    named = {action.replace("cloudwatch:", "monitoring:") for action in actions}
    transacts = "dynamodb:ConditionCheckItem" in named
    return named | ({"dynamodb:TransactWriteItems"} if transacts else set())


@contextmanager
def enforced(actions: Iterable[str]) -> Iterator[Stage]:
    """The account with moto's IAM switched on."""
    with mock_aws():
        stage = Stage(in_motos_words(actions))
        with enable_iam_authentication():
            yield stage


# --- every path ----------------------------------------------------------------------------------


def read(stage: Stage) -> None:
    sensor = AwsSensor(stage.clients)
    kinesis = kinesis_target(stage.uuid)
    for target in (kinesis, _table_target(stage, kinesis)):
        gaps = sensor.read(target, NOW, 600).gaps
        if any(gap.permission or ": 403: " in gap.reason for gap in gaps):
            raise PermanentError(str(gaps))
    for watched in (
        Watched(function="consumer"),
        Watched(stream="orders"),
        Watched(event_source_mapping=stage.uuid),
    ):
        sensor.find_targets(watched, NOW)
    sensor.describe_alarms(["lag"])
    ask_all_or_raise(neighbours.by_name(stage.clients, kinesis))
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"
    for destination in (queue, TOPIC, "arn:aws:s3:::failed-records"):
        if not sensor.destination_exists(destination):
            raise PermanentError(f"{destination} was not seen")


def ask_all_or_raise(asked: Iterable[Question]) -> None:
    """What is asked besides in an account of more mappings than one page."""
    for reply in ask_all(asked).values():
        if reply.error:
            raise reply.error


def _table_target(stage: Stage, like: Target) -> Target:
    return like.model_copy(
        update={
            "event_source_mapping": stage.table_uuid,
            "source_arn": stage.table_stream,
            "kind": SourceKind.DYNAMODB,
        }
    )


def change(stage: Stage) -> None:
    """Every setting up and down again."""
    actuator = AwsActuator(stage.clients, lambda _: None)
    half = f"{stage.stream}#0-{2**127 - 1}"
    for kind, name, setting, values in (
        (ResourceKind.EVENT_SOURCE_MAPPING, stage.uuid, "parallelization_factor", (2, 1)),
        (ResourceKind.FUNCTION, "consumer", "reserved_concurrency", (5, None)),
        (ResourceKind.FUNCTION, "consumer", "memory_mb", (256, 128)),
        (ResourceKind.STREAM, stage.stream, "retention_hours", (48, 24)),
        (ResourceKind.HASH_RANGE, half, "shards", (2, 1)),
    ):
        for value in values:
            resource = Resource(kind=kind, id=name)
            actuator.read(resource, [setting])
            actuator.write(resource, {setting: value})
            actuator.settled(resource)


def hand_over(stage: Stage) -> None:
    """Every step of a takeover, there and back."""
    actuator = AwsActuator(stage.clients, lambda _: None)
    name = f"{stage.stream}/consumer/{successor_name(stage.uuid)}"
    reader = Resource(kind=ResourceKind.READER, id=name)
    for step in Step:
        actuator.read(reader, ["reads_by"])
        actuator.write(reader, written(step, through_fan_out(NOW)))


def promote(stage: Stage) -> None:
    """Every step of more memory behind an alias, there and back."""
    seen = AwsSensor(stage.clients).released(kinesis_target(stage.uuid, qualifier="live"))
    assert seen is not None
    actuator = AwsActuator(stage.clients, lambda _: None)
    alias = Resource(kind=ResourceKind.ALIAS, id=f"consumer:live@{seen.version}")
    for step in promotion.Step:
        actuator.read(alias, ["released_memory_mb"])
        actuator.write(alias, promotion.written(step, 256))


def keep_the_journal(stage: Stage) -> None:
    journal = TableJournal(DynamoTable(stage.clients.dynamodb, TABLE))
    lease = journal.acquire("mapping-1", "me", NOW, 180)
    assert lease
    journal.begin(state(mapping="mapping-1"))
    journal.commit(state(mapping="mapping-1"), [entry()], lease, NOW)
    journal.renew(lease, NOW, 180)
    journal.open_incident("mapping-1")
    journal.open_incidents(ACCOUNT, REGION)
    journal.history("mapping-1")
    journal.recent(ACCOUNT, REGION, NOW - timedelta(days=1))
    journal.entries("incident-1")
    ledger = journal.ledger(ACCOUNT, REGION)
    until = NOW + timedelta(hours=1)
    journal.spend(ACCOUNT, REGION, NOW, ledger, claim(expires_at=until), [spent(at=NOW)])
    journal.release_claim(ACCOUNT, REGION, "incident-1", NOW)
    journal.freeze(freeze())
    journal.frozen(["all"])
    journal.unfreeze("all")
    journal.release(lease)


def come_back_and_tell(stage: Stage) -> None:
    function = kinesis_target("u").function_arn
    scheduler = EventBridgeScheduler(stage.clients, function, ROLE_OF_FOLLOW_UPS, lambda: NOW)
    scheduler.schedule("one", NOW + timedelta(minutes=5), {})
    notifier = AwsNotifier(stage.clients, TOPIC)
    notifier.notify(Notice(kind="k", subject="s", text="t"))
    if notifier.failed:
        raise PermanentError("news could not be sent")
    FreezeSwitch(stage.clients, "/freeze").frozen()
    JournalClaims(stage.clients, TABLE).all()


def read_the_policy(stage: Stage) -> None:
    for source in ("/policy", "orders/production/guardrails"):
        found = PolicyKeeper(stage.clients, source).current()
        if found.problem:
            raise PermanentError(found.problem)


def keep_what_was_given_up(stage: Stage) -> None:
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"
    keeper = AwsRecordKeeper(stage.clients, lambda _: None, queue, "captured")
    info = {
        "shardId": "shardId-000000000000",
        "startSequenceNumber": stage.given_up,
        "endSequenceNumber": stage.given_up,
        "batchSize": 1,
        "streamArn": stage.stream,
    }
    message = json.dumps({"requestContext": {"functionArn": "f"}, "KinesisBatchInfo": info})
    keeper.messages()
    keeper.keep("inc-1", message, SourceKind.KINESIS, Capture(enabled=True))


def sample_keys(stage: Stage) -> None:
    since, shard = NOW - timedelta(minutes=1), "shardId-000000000000"
    AwsSensor(stage.clients).sample_keys(kinesis_target(stage.uuid), shard, since, 10, named=False)


PATHS: tuple[Callable[[Stage], None], ...] = (
    read,
    change,
    hand_over,
    promote,
    keep_the_journal,
    come_back_and_tell,
    read_the_policy,
    keep_what_was_given_up,
    sample_keys,
)


# What each path has asked for in the tests so far.
_ASKED: defaultdict[Callable[[Stage], None], set[str]] = defaultdict(set)


def refused(stage: Stage, missing: str) -> bool:
    """Whether some path meets a denial; those that are known to ask for it are tried first."""
    for path in sorted(PATHS, key=lambda path: missing not in _ASKED[path]):
        before = len(stage.calls)
        try:
            path(stage)
        except PermanentError:
            return True
        finally:
            _ASKED[path] |= {f"{call.service}:{call.operation}" for call in stage.calls[before:]}
    return False


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_moto_allows_every_call_of_a_path(path: Callable[[Stage], None]) -> None:
    with enforced(GRANTED) as stage:
        path(stage)
        assert stage.calls


JUDGED_BY_MOTO = sorted(
    GRANTED
    - {action for name in NOT_CALLED_BY_US for action in CAPABILITIES[name]["actions"]}
    - {"lambda:GetAccountSettings", "dynamodb:DescribeStream"}
    - {"lambda:CreateEventSourceMapping", "lambda:TagResource"}
    - {"appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"}
    - {"lambda:ListTags", "iam:PassRole"}  # asked for beside a call of another name
)
# Moto asks for the transaction alone; the other judge sees its parts.
IN_TRANSACTIONS = {"dynamodb:DeleteItem", "dynamodb:PutItem"}


@pytest.mark.parametrize("missing", [a for a in JUDGED_BY_MOTO if a not in IN_TRANSACTIONS])
def test_without_one_action_moto_refuses_some_path(missing: str) -> None:
    with enforced(GRANTED - {missing}) as stage:
        assert refused(stage, missing)


# --- ARNs, conditions, the parts of transactions -------------------------------------------------


def weighed(calls: Iterable[Call], there: Place) -> dict[Ask, str | None]:
    """Which capability allows each thing that was asked for; ``None``: none does."""
    asks = [_hashable(ask) for call in calls for ask in asked(call, there)]
    return {ask: allowing(ask, there) for ask in asks}


def _hashable(ask: Ask) -> Ask:
    return ask._replace(context=_Frozen(ask.context))


class _Frozen(dict[str, str]):
    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def test_every_call_is_allowed_on_its_resource_and_every_statement_is_used() -> None:
    with enforced(GRANTED) as stage:
        for path in PATHS:
            path(stage)
        verdicts = weighed(stage.calls, stage.place)
    assert [ask for ask, capability in verdicts.items() if capability is None] == []
    assert set(verdicts.values()) == set(CAPABILITIES) - set(NOT_CALLED_BY_US)
    unused = {ask.action for ask in verdicts} ^ GRANTED
    assert unused == {a for name in NOT_CALLED_BY_US for a in CAPABILITIES[name]["actions"]}


def test_reading_needs_only_what_a_role_for_plans_has() -> None:
    with enforced(GRANTED) as stage:
        read(stage)
        used = set(weighed(stage.calls, stage.place).values())
    assert {CAPABILITIES[name]["access"] for name in used if name} == {"read"}


OTHERS = "arn:aws:kinesis:eu-west-1:999999999999:stream/orders"
OTHER_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:payments"
NOT_OPTED_IN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/payments"


@pytest.mark.parametrize(
    "call",
    [
        Call("lambda", "UpdateEventSourceMapping", {"UUID": "of another function"}),
        Call("lambda", "DeleteEventSourceMapping", {"UUID": "of another function"}),
        Call("lambda", "CreateEventSourceMapping", {"FunctionName": OTHER_FUNCTION}),
        Call("kinesis", "RegisterStreamConsumer", {"StreamARN": NOT_OPTED_IN}),
        Call(
            "kinesis", "DeregisterStreamConsumer", {"ConsumerARN": f"{NOT_OPTED_IN}/consumer/a:1"}
        ),
        Call("lambda", "PutFunctionConcurrency", {"FunctionName": "payments"}),
        Call("lambda", "DeleteFunctionConcurrency", {"FunctionName": "payments"}),
        Call("lambda", "GetFunction", {"FunctionName": "payments"}),
        Call("kinesis", "UpdateShardCount", {"StreamARN": NOT_OPTED_IN}),
        Call("kinesis", "SplitShard", {"StreamARN": OTHERS}),
        Call("kinesis", "DescribeStreamSummary", {"StreamARN": OTHERS}),
        Call("kinesis", "GetRecords", {"StreamARN": NOT_OPTED_IN}),
        Call("kinesis", "GetShardIterator", {"StreamARN": OTHERS}),
        Call("s3", "PutObject", {"Bucket": "somebody-elses", "Key": "k"}),
        Call("sqs", "ReceiveMessage", {"QueueUrl": f"https://sqs/{ACCOUNT}/somebody-elses"}),
        Call("sns", "Publish", {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:somebody-elses"}),
        Call("dynamodb", "PutItem", {"TableName": "orders"}),
        Call("ssm", "GetParameter", {"Name": "/password"}),
        Call(
            "scheduler",
            "CreateSchedule",
            {"Name": "nightly", "Target": {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/admin"}},
        ),
    ],
    ids=lambda call: f"{call.operation} {next(iter(call.params.values()))}",
)
def test_what_has_not_opted_in_is_refused(call: Call) -> None:
    verdicts = weighed([call], place("ours", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"))
    assert None in verdicts.values()


MAPPING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:ours"


@pytest.mark.parametrize(
    ("tags", "allowed"),
    [({}, False), ({"remediator": "off"}, False), ({"remediator": "managed"}, True)],
)
def test_where_the_stack_asks_for_it_a_mapping_opts_in_by_a_tag_of_its_own(
    tags: dict[str, str], allowed: bool
) -> None:
    there = place("ours", "")._replace(
        tags={MAPPING: tags}, conditions=frozenset({"OnlyTaggedMappings"})
    )
    call = Call("lambda", "UpdateEventSourceMapping", {"UUID": "ours"})
    verdicts = weighed([call], there)
    assert (None not in verdicts.values()) is allowed


# --- what AWS knows of actions and resources -----------------------------------------------------


def test_parliament_finds_nothing_in_the_templates_policies() -> None:
    assert [each for where, document in documents() for each in findings(document, where)] == []


@pytest.mark.parametrize(
    ("statement", "issue"),
    [
        ({"Action": "lambda:UpdateMapping", "Resource": "*"}, "UNKNOWN_ACTION"),
        (
            {"Action": "sns:Publish", "Resource": "arn:aws:sqs:eu-west-1:111122223333:q"},
            "RESOURCE_MISMATCH",
        ),
        ({"Action": "kinesis:SplitShard", "Resource": "*"}, "RESOURCE_STAR"),
    ],
)
def test_a_statement_that_aws_would_not_understand_is_found(
    statement: dict[str, Any], issue: str
) -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    assert issue in {each.issue for each in findings(document, "here")}


# --- a whole incident ----------------------------------------------------------------------------


def place_of(rehearsal: Rehearsal) -> Place:
    spec, stack = rehearsal.world.account.spec, rehearsal.deployment.stack
    own = ("Journal", "FollowUpRole", "Quarantine", "DeadLetters", "LogGroup")
    arns = {f"{logical}.Arn": stack.arn(logical) for logical in own}
    function = f"arn:aws:lambda:{spec.region}:{spec.account_id}:function:{CONSUMER}"
    return Place(
        spec.account_id,
        spec.region,
        {
            "TargetFunction": CONSUMER,
            "SharedJournal": "",
            "CaptureBucket": "",
            "Notices": stack.arn("Notices"),
            "FreezeParameter": "/remediator/freeze",
            **arns,
        },
        functions=dict.fromkeys(rehearsal.world.mappings, function),
    )


def test_a_whole_incident_in_the_lab_asks_for_nothing_more() -> None:
    policy = "version: 1\nmode: apply\n"
    rehearsal = Rehearsal(clogging(), CONSUMER, {"Mode": "apply"}, policy, conditions=Conditions())
    rehearsal.run_until(3600)
    calls = [Call(call.service, call.operation, call.params) for call in rehearsal.calls]
    assert any(call.operation == "UpdateEventSourceMapping" for call in calls)
    verdicts = weighed(calls, place_of(rehearsal))
    assert [ask for ask, capability in verdicts.items() if capability is None] == []
