"""boto3 clients: one of each, patient within limits, safe from threads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.loaders import Loader

from remediator.aws.actuator import AwsActuator
from remediator.aws.clients import Clients, default_clients, quick_session
from remediator.errors import PermanentError, TemporaryError
from remediator.model import Resource, ResourceKind
from tests.aws.aws_world import ACCOUNT, REGION, World

STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"


def test_each_client_is_made_once_even_from_many_threads(aws: World) -> None:
    made: list[str] = []
    aws.session.events.register("creating-client-class.kinesis", lambda **_: made.append("kinesis"))
    with ThreadPoolExecutor(max_workers=8) as pool:
        clients = set(pool.map(lambda _: aws.clients.kinesis, range(32)))
    assert len(clients) == 1
    assert made == ["kinesis"]


def test_patience_is_spelled_out(aws: World) -> None:
    config: Any = aws.clients.lambda_.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert (config.connect_timeout, config.read_timeout) == (2, 8)
    assert aws.clients.region == REGION


@pytest.fixture
def default_session() -> Iterator[None]:
    """Whatever a test makes of the default session, it is gone afterwards."""
    before = boto3.DEFAULT_SESSION
    yield
    boto3.DEFAULT_SESSION = before


@pytest.mark.usefixtures("default_session")
def test_the_process_s_clients_follow_the_default_session() -> None:
    boto3.setup_default_session(region_name=REGION)
    first = default_clients({})
    assert default_clients({}) is first
    boto3.setup_default_session(region_name="us-east-1")
    assert default_clients({}) is not first
    assert default_clients({}).region == "us-east-1"


@pytest.mark.usefixtures("default_session")
def test_the_process_s_clients_follow_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.setup_default_session(region_name=REGION)
    here = {"AWS_LAMBDA_FUNCTION_NAME": "remediator"}
    first = default_clients(here)
    assert default_clients(here | {"AWS_LAMBDA_LOG_STREAM_NAME": "another"}) is first
    there = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    monkeypatch.setenv("AWS_ENDPOINT_URL", there["AWS_ENDPOINT_URL"])
    assert default_clients(here | there).sns.meta.endpoint_url == there["AWS_ENDPOINT_URL"]


@pytest.mark.usefixtures("default_session")
def test_a_clients_models_are_looked_for_in_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[str] = []

    def through_all(_: Loader, kind: str) -> list[str]:
        listed.append(kind)
        return []

    monkeypatch.setattr(Loader, "list_available_services", through_all)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    clients = default_clients({})
    assert clients.kinesis.can_paginate("list_shards")
    assert listed == []
    with pytest.raises(PermanentError, match="no-such-service"):
        clients._client("no-such-service")
    assert listed == ["service-2"]


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        (1_750_000_000.5, datetime(2025, 6, 15, 15, 6, 40, 500_000, tzinfo=UTC)),
        (1_750_000_000, datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)),
        ("2025-06-15T15:06:40Z", datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)),
        ("Sun, 15 Jun 2025 15:06:40 GMT", datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)),
    ],
)
def test_however_aws_says_a_time_it_is_that_time_in_utc(told: object, moment: datetime) -> None:
    factory = quick_session().get_component("response_parser_factory")
    heard = factory.create_parser("json")._timestamp_parser(told)
    assert (heard, heard.utcoffset()) == (moment, timedelta(0))


def test_a_missing_region_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(PermanentError, match="region"):
        Clients(boto3.Session()).region  # noqa: B018 - asking is the test


def _struck(aws: World, operation: str) -> list[str]:
    """Let no request of an operation get an answer, and count the requests."""
    sent: list[str] = []

    def strike(**_: Any) -> None:
        sent.append(operation)
        raise ReadTimeoutError(endpoint_url="https://aws.example")

    service, _, name = operation.partition(":")
    aws.session.events.register(f"before-send.{service}.{name}", strike)
    return sent


@pytest.mark.parametrize(
    ("operation", "resource", "values"),
    [
        (
            "lambda:UpdateEventSourceMapping",
            Resource(kind=ResourceKind.EVENT_SOURCE_MAPPING, id="1" * 36),
            {"parallelization_factor": 2},
        ),
        (
            "lambda:PutFunctionConcurrency",
            Resource(kind=ResourceKind.FUNCTION, id="consumer"),
            {"reserved_concurrency": 5},
        ),
        (
            "lambda:DeleteFunctionConcurrency",
            Resource(kind=ResourceKind.FUNCTION, id="consumer"),
            {"reserved_concurrency": None},
        ),
        (
            "kinesis:IncreaseStreamRetentionPeriod",
            Resource(kind=ResourceKind.STREAM, id=STREAM),
            {"retention_hours": 48},
        ),
        (
            "kinesis:SplitShard",
            Resource(kind=ResourceKind.HASH_RANGE, id=f"{STREAM}#0-{2**128 - 1}"),
            {"shards": 2},
        ),
    ],
)
def test_the_sdk_repeats_no_write_that_got_no_answer(
    aws: World, operation: str, resource: Resource, values: dict[str, Any]
) -> None:
    aws.stream()
    aws.function()
    sent = _struck(aws, operation)
    with pytest.raises(TemporaryError):
        AwsActuator(aws.clients, lambda _: None).write(resource, values)
    assert sent == [operation]


def test_the_sdk_repeats_what_only_reads(aws: World) -> None:
    sent = _struck(aws, "lambda:GetFunction")
    with pytest.raises(ReadTimeoutError):
        aws.clients.lambda_.get_function(FunctionName="consumer")
    assert len(sent) == 3
