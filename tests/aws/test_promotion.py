"""The writer of a promotion: $LATEST, a version of it, and the alias; by what AWS says is there."""

from typing import Any

import pytest

from remediator.aws.promotion import PromotionWriter, released
from remediator.aws.sensor import AwsSensor
from remediator.errors import PermanentError, TemporaryError
from remediator.execution.promotion import Points, Step
from remediator.model import Released
from tests.aws.aws_world import World, kinesis_target


class Function:
    """A function of one version, to which its alias points."""

    def __init__(self, aws: World) -> None:
        self.aws = aws
        self.lambda_: Any = aws.session.client("lambda")
        aws.function("consumer", MemorySize=512, Timeout=30)
        self.version = self.lambda_.publish_version(FunctionName="consumer")["Version"]
        self.lambda_.create_alias(
            FunctionName="consumer", Name="live", FunctionVersion=self.version
        )
        self.name = f"consumer:live@{self.version}"
        self.writer = PromotionWriter(aws.clients)
        aws.calls.clear()

    def there(self) -> tuple[int, int, str]:
        """Memory that is released and of $LATEST, and the alias's version."""
        alias = self.lambda_.get_alias(FunctionName="consumer", Name="live")["FunctionVersion"]
        memory = [
            self.lambda_.get_function_configuration(FunctionName="consumer", **which)["MemorySize"]
            for which in ({"Qualifier": alias}, {})
        ]
        return memory[0], memory[1], alias

    def read(self) -> Any:
        return self.writer.read(self.name, [])

    def configure(self, **said: Any) -> None:
        self.lambda_.update_function_configuration(FunctionName="consumer", **said)


@pytest.fixture
def function(aws: World) -> Function:
    return Function(aws)


def test_step_by_step_there_and_back_to_the_very_version(function: Function) -> None:
    writer, name = function.writer, function.name
    assert function.read()["released_memory_mb"] == 512
    writer.write(name, {Step.RAISE_LATEST: 1024})
    assert function.read()["released_memory_mb"] == ("between: alias at 512 MB, $LATEST at 1024 MB")
    writer.write(name, {Step.MOVE_ALIAS: 1024})
    released_mb, latest_mb, version = function.there()
    assert (released_mb, latest_mb) == (1024, 1024)
    assert version != function.version
    assert function.read()["points"] == Points.OURS
    assert function.read()["released_memory_mb"] == 1024
    writer.write(name, {Step.MOVE_BACK: 1024})
    writer.write(name, {Step.LOWER_LATEST: 1024})
    assert function.there() == (512, 512, function.version)
    assert writer.settled(name)


def test_every_write_says_what_it_was_planned_from(function: Function) -> None:
    for step in Step:
        function.writer.write(function.name, {step: 1024})
    told = {
        call.operation: call.params
        for call in function.aws.calls
        if call.operation in {"UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"}
    }
    assert all(params["RevisionId"] for params in told.values())
    assert told["PublishVersion"]["CodeSha256"]
    assert len(told) == 3


@pytest.mark.parametrize(
    ("said", "alike"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"MemorySize": 1024}, True, id="other memory"),
        pytest.param({"Description": "x"}, True, id="another description"),
        pytest.param({"Timeout": 60}, False, id="another timeout"),
        pytest.param({"Environment": {"Variables": {"A": "b"}}}, False, id="other variables"),
    ],
)
def test_alike_is_the_same_code_and_configuration_but_for_the_memory(
    function: Function, said: dict[str, Any], alike: bool
) -> None:
    if said:
        function.configure(**said)
    assert function.read()["alike"] is alike


def test_other_code_is_not_alike(function: Function) -> None:
    function.lambda_.update_function_code(FunctionName="consumer", ZipFile=b"other")
    assert function.read()["alike"] is False


def test_what_is_gone_or_elsewhere_is_said(function: Function) -> None:
    function.configure(Timeout=60)
    other = function.lambda_.publish_version(FunctionName="consumer")["Version"]
    function.lambda_.update_alias(FunctionName="consumer", Name="live", FunctionVersion=other)
    assert function.read()["points"] == Points.ELSEWHERE
    function.lambda_.delete_alias(FunctionName="consumer", Name="live")
    assert function.read()["points"] is None


def test_shifted_traffic_shows(function: Function) -> None:
    function.aws.answer(
        "lambda:ListAliases",
        {
            "Aliases": [
                {
                    "Name": "live",
                    "FunctionVersion": function.version,
                    "RevisionId": "r",
                    "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}},
                }
            ]
        },
    )
    assert function.read()["routed"] is True
    seen = released(function.aws.clients, "consumer", "live")
    assert seen == Released(version=function.version, alike=True, routed=True)


def test_a_version_that_aws_is_still_at_is_not_released(function: Function) -> None:
    function.aws.answer("lambda:PublishVersion", {"Version": "8", "State": "Pending"})
    with pytest.raises(TemporaryError, match="Pending"):
        function.writer.write(function.name, {Step.MOVE_ALIAS: 1024})
    assert function.there() == (512, 512, function.version)


ERRORS = [
    ("PreconditionFailedException", PermanentError),
    ("ResourceConflictException", TemporaryError),
    ("TooManyRequestsException", TemporaryError),
    ("AccessDeniedException", PermanentError),
    ("CodeStorageExceededException", PermanentError),
]


@pytest.mark.parametrize(("code", "raised"), ERRORS)
@pytest.mark.parametrize(
    ("step", "call"),
    [
        (Step.RAISE_LATEST, "UpdateFunctionConfiguration"),
        (Step.MOVE_ALIAS, "PublishVersion"),
        (Step.MOVE_ALIAS, "UpdateAlias"),
        (Step.MOVE_BACK, "UpdateAlias"),
        (Step.LOWER_LATEST, "UpdateFunctionConfiguration"),
    ],
)
def test_what_aws_refuses_is_said_and_the_call_not_repeated(
    function: Function, step: Step, call: str, code: str, raised: type[Exception]
) -> None:
    function.aws.refuse(f"lambda:{call}", code)
    with pytest.raises(raised, match=code):
        function.writer.write(function.name, {step: 1024})
    assert function.aws.operations().count(f"lambda:{call}") == 1


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("consumer:live", {Step.RAISE_LATEST: 1024}, "expected function:alias@version"),
        ("consumer:live@1", {}, "expected one step"),
        ("consumer:live@1", {"memory_mb": 1024}, "expected one step"),
        ("consumer:live@1", {Step.RAISE_LATEST: 1024, Step.MOVE_ALIAS: 1024}, "expected one step"),
        ("consumer:live@1", {Step.RAISE_LATEST: 99_999}, "AWS takes"),
    ],
)
def test_anything_else_reaches_no_write(
    function: Function, name: str, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(PermanentError, match=said):
        function.writer.write(name, values)
    assert not [call for call in function.aws.calls if not call.operation.startswith(("Get", "L"))]


def test_the_sensor_tells_what_an_alias_releases_and_nothing_of_what_is_none(
    function: Function,
) -> None:
    sensor = AwsSensor(function.aws.clients)
    assert sensor.released(kinesis_target("1", qualifier="live")) == Released(
        version=function.version, alike=True
    )
    function.configure(MemorySize=1024)
    assert sensor.released(kinesis_target("1", qualifier="live")) == Released(
        version=function.version, alike=False
    )
    assert sensor.released(kinesis_target("1", qualifier="none")) is None
    assert sensor.released(kinesis_target("1")) is None
