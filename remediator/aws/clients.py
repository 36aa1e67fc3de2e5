"""boto3 clients: made once per process, with explicit patience, safe to ask for from threads.

They come from the default session, so that whoever sets it (a profile, a Region, a recorder in a
test) decides for all of them, and endpoints are chosen by the SDK's own means.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader
from botocore.utils import parse_timestamp as _said

from remediator.aws.failures import aws_errors
from remediator.aws.pace import UNPACED, Pace, Reserve

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

# At worst about 30 s for one call; the SDK's own defaults would wait for minutes.
PATIENCE = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=2,
    read_timeout=8,
    max_pool_connections=16,
)

# For changes of other people's settings. The SDK would repeat one that got no answer without
# looking, and overwrite what a person has set meanwhile: what is repeated is read again first.
ONCE = PATIENCE.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))

# A function may run for 15 minutes.
PATIENT = ONCE.merge(Config(read_timeout=910))

_LOCK = Lock()


class Clients:
    """The clients of one session. Making a client is not thread-safe in boto3, so it is locked."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._lock = Lock()
        self._made: dict[tuple[str, Config], Any] = {}
        self._pace: Pace | None = None

    def keep_pace(
        self,
        clock: Callable[[], datetime],
        sleep: Callable[[float], object],
        reserve: Reserve | None = None,
    ) -> None:
        """From now on, call Lambda's control plane at a pace; see ``pace``."""
        with self._lock:
            if self._pace is None:
                self._pace = Pace(clock, sleep, reserve)
        self._pace.go_on(clock, sleep, reserve)

    def tell_of_calls(self, told: Callable[[str, str], object]) -> None:
        """From now on, tell of each call by service and operation, in its own thread. To be said
        before a client is made: each takes over what its session knows then."""

        def tell(model: Any, **_: Any) -> None:
            """Returns nothing: what it returned would be taken for the answer."""
            told(model.service_model.service_name, model.name)

        self._session.events.register("before-call", tell)

    def _before_send(self, event_name: str, **_: Any) -> None:
        """Before each request to Lambda, a retry being one of its own. Returns nothing: what it
        returned would be taken for the answer."""
        if self._pace is not None and event_name.rpartition(".")[2] not in UNPACED:
            self._pace.take()

    @property
    def region(self) -> str:
        """The Region that all calls go to. Raises PermanentError when none is configured."""
        return str(self.lambda_.meta.region_name)

    @property
    def lambda_(self) -> "LambdaClient":
        return self._client("lambda")  # type: ignore[no-any-return]

    @property
    def lambda_writer(self) -> "LambdaClient":
        """As ``lambda_``, for changes: no call is repeated."""
        return self._client("lambda", ONCE)  # type: ignore[no-any-return]

    @property
    def lambda_caller(self) -> "LambdaClient":
        """As ``lambda_``, to invoke a function once and wait for it as long as it may run."""
        return self._client("lambda", PATIENT)  # type: ignore[no-any-return]

    @property
    def kinesis_writer(self) -> "KinesisClient":
        """As ``kinesis``, for changes: no call is repeated."""
        return self._client("kinesis", ONCE)  # type: ignore[no-any-return]

    @property
    def kinesis(self) -> "KinesisClient":
        return self._client("kinesis")  # type: ignore[no-any-return]

    @property
    def dynamodb(self) -> "DynamoDBClient":
        return self._client("dynamodb")  # type: ignore[no-any-return]

    @property
    def dynamodbstreams(self) -> "DynamoDBStreamsClient":
        return self._client("dynamodbstreams")  # type: ignore[no-any-return]

    @property
    def cloudwatch(self) -> "CloudWatchClient":
        return self._client("cloudwatch")  # type: ignore[no-any-return]

    @property
    def scheduler(self) -> "EventBridgeSchedulerClient":
        return self._client("scheduler")  # type: ignore[no-any-return]

    @property
    def sns(self) -> "SNSClient":
        return self._client("sns")  # type: ignore[no-any-return]

    @property
    def events(self) -> "EventBridgeClient":
        return self._client("events")  # type: ignore[no-any-return]

    @property
    def sqs(self) -> "SQSClient":
        return self._client("sqs")  # type: ignore[no-any-return]

    @property
    def sts(self) -> Any:
        return self._client("sts")

    @property
    def appconfigdata(self) -> Any:
        return self._client("appconfigdata")

    @property
    def iam(self) -> Any:
        return self._client("iam")

    @property
    def quotas(self) -> Any:
        return self._client("service-quotas")

    @property
    def s3(self) -> Any:
        return self._client("s3")

    @property
    def ssm(self) -> "SSMClient":
        return self._client("ssm")  # type: ignore[no-any-return]

    def _client(self, service: str, config: Config = PATIENCE) -> Any:
        make: Callable[..., Any] = self._session.client
        known = service, config
        with self._lock, aws_errors(service):
            if known not in self._made:
                self._made[known] = make(service, config=config)
                if service == "lambda":
                    self._made[known].meta.events.register("before-send.lambda", self._before_send)
            return self._made[known]


def clients_of(profile: str | None, region: str | None) -> Clients:
    """Clients of a profile and a Region chosen by hand; ``None``: the SDK's own choice.

    Raises PermanentError for a profile that is not there.
    """
    with aws_errors("session"):
        return Clients(boto3.Session(profile_name=profile, region_name=region))


def clients_as(
    clients: Clients, role: str, external_id: str | None, region: str, session_name: str
) -> Clients:
    """Clients in a role that ``clients`` may take on (sts:AssumeRole), for an hour.

    ``session_name`` stands in the other account's trail. Raises PermanentError where it is denied,
    TemporaryError when it may work later.
    """
    asked: dict[str, Any] = {"ExternalId": external_id} if external_id else {}
    name = re.sub(r"[^\w+=,.@-]", "-", session_name, flags=re.ASCII)[:64]
    with aws_errors("sts"):
        found = clients.sts.assume_role(RoleArn=role, RoleSessionName=name, **asked)
        keys = found["Credentials"]
        return Clients(
            boto3.Session(
                keys["AccessKeyId"],
                keys["SecretAccessKey"],
                keys["SessionToken"],
                region_name=region,
            )
        )


def default_clients(environ: Mapping[str, str]) -> Clients:
    """The process's clients: those of boto3's default session, made anew when that was changed, or
    where the environment says that AWS is to be found."""
    where = tuple(sorted((k, v) for k, v in environ.items() if k.startswith(_WHERE)))
    with _LOCK:
        if boto3.DEFAULT_SESSION is None:
            boto3.setup_default_session(botocore_session=quick_session())
        return _of_session(boto3.DEFAULT_SESSION, where)


_WHERE = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE")


def quick_session() -> botocore.session.Session:
    """The SDK's own session, except that for a service's models it looks into that one's folder.
    It would go through those of all its 400 services first, again for each kind of model: a sixth
    of what the clients of a cold start cost. And its times are UTC at once: each of a thousand
    datapoints would be put into the machine's own zone first."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    loader.list_available_services = partial(_Having, loader)
    parsers = session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_utc)
    return session


def _utc(told: Any) -> datetime:
    """A time of an answer: seconds since 1970, or text, of which the SDK knows the kinds."""
    return datetime.fromtimestamp(told, UTC) if isinstance(told, int | float) else _said(told)


class _Having:
    """The services that have one kind of model, each asked about by itself."""

    def __init__(self, loader: Loader, kind: str) -> None:
        self._loader, self._kind = loader, kind

    def __contains__(self, service: str) -> bool:
        try:
            return bool(self._loader.list_api_versions(service, self._kind))
        except DataNotFoundError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(Loader.list_available_services(self._loader, self._kind))


@lru_cache(maxsize=1)
def _of_session(session: boto3.Session, _where: tuple[tuple[str, str], ...]) -> Clients:
    return Clients(session)
