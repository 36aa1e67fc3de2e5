"""The command line in the process, with a world of its own: no terminal, no AWS, a fixed clock."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from typer.testing import CliRunner, Result

from lab.own_aws import make_journal_table
from remediator.cli import app
from remediator.cli.outside import Outside
from remediator.evidence.metrics import METRICS, Metric, Scope
from remediator.model import SourceKind
from remediator.wiring import Clients
from tests.aws.aws_world import ACCOUNT, NOW, REGION, World
from tests.evidence import evidence

# What a developer's own environment may hold.
UNSET = dict.fromkeys(
    (
        "REMEDIATOR_POLICY_FILE",
        "REMEDIATOR_JOURNAL_TABLE",
        "REMEDIATOR_FUNCTION",
        "GITHUB_STEP_SUMMARY",
        "COLUMNS",
    )
)


def no_aws(profile: str | None, region: str | None) -> Clients:
    """Fails the test that asks for AWS although it should not."""
    raise AssertionError(f"AWS was asked for, with profile {profile} and Region {region}")


def outside(
    clients: Callable[[str | None, str | None], Clients] = no_aws,
    *,
    terminal: bool = False,
    environ: Mapping[str, str] | None = None,
    later: timedelta = timedelta(),
) -> Outside:
    """The world as a command finds it."""
    return Outside(
        environ=environ or {},
        clock=lambda: NOW + later,
        sleep=lambda _: None,
        clients=clients,
        interactive=lambda: terminal,
        user="ada",
    )


def run(*words: object, world: Outside | None = None, typed: str = "") -> Result:
    """One command; its answer, its complaints and its exit code."""
    return CliRunner().invoke(
        app, [str(word) for word in words], obj=world or outside(), input=typed, env=UNSET
    )


# --- a pipeline in moto -------------------------------------------------------------------------

JOURNAL = "journal"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/follow-up"
QUARANTINE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:quarantine"


class Pipeline(NamedTuple):
    """A stream, a consumer and a mapping; beside them a journal and a deployed remediator."""

    aws: World
    mapping: str

    def outside(self, **how: Any) -> Outside:
        """The command line of somebody with credentials."""
        environ = {"REMEDIATOR_MODE": "apply"} | how.pop("environ", {})
        return outside(lambda *_: self.aws.clients, environ=environ, **how)

    def run(self, *words: object, typed: str = "", **how: Any) -> Result:
        """One command with credentials, the mode being ``apply``."""
        return run(*words, world=self.outside(**how), typed=typed)

    def act(self, *words: object, **how: Any) -> Result:
        """As ``run``, and with the deployed remediator named."""
        return self.run(*words, "--remediator-function", "remediator", **how)

    def factor(self) -> int:
        """The mapping's ParallelizationFactor as it is now."""
        client = self.aws.session.client("lambda")
        return int(client.get_event_source_mapping(UUID=self.mapping)["ParallelizationFactor"])

    def writes(self) -> list[str]:
        """The calls made so far that change something but the journal."""
        reading = ("Get", "List", "Describe", "Head")
        return [
            str(call)
            for call in self.aws.calls
            if not call.operation.startswith(reading) and call.service != "dynamodb"
        ]


def pipeline(aws: World, **readings: Any) -> Pipeline:
    """The pipeline, with metrics as ``tests.evidence`` makes them of these readings."""
    aws.function()
    batch_size = readings.get("batch_size", 100)
    mapping = aws.mapping(aws.stream(), BatchSize=batch_size, ParallelizationFactor=1)
    aws.consumers_counted(0)
    aws.function(
        "remediator",
        Environment={
            "Variables": {
                "REMEDIATOR_JOURNAL_TABLE": JOURNAL,
                "REMEDIATOR_FOLLOW_UP_ROLE_ARN": ROLE,
                "REMEDIATOR_QUARANTINE_QUEUE_ARN": QUARANTINE,
            }
        },
    )
    make_journal_table(aws.session.client("dynamodb"), JOURNAL)
    publish(aws, **readings)
    aws.calls.clear()
    return Pipeline(aws, mapping)


def publish(aws: World, **readings: Any) -> None:
    """Metrics as CloudWatch would have them of this evidence."""
    dimensions = {
        Scope.FUNCTION: {"FunctionName": "consumer"},
        Scope.STREAM: {"StreamName": "orders"},
        Scope.ACCOUNT: {},
        Scope.INSIGHTS: {"function_name": "consumer"},
    }
    for name, series in evidence(**readings).metrics.items():
        source = METRICS[SourceKind.KINESIS][Metric(name)]
        if source.stat != "SampleCount":
            aws.metric(source.namespace, source.name, dimensions[source.scope], *series.values)
