"""More memory behind an alias, from the command line to the very version that it had."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from moto import mock_aws

from tests.aws.aws_world import NOW, World
from tests.cli.clerk import Pipeline, pipeline
from tests.cli.conftest import SLOW
from tests.cli.test_live import CONSUMER, incident_of

# At 512 MB, an invocation of a second that does little but compute.
COMPUTES = 0.95 * 1000 * 512 / 1769
POLICY = """
mode: apply
remedies:
  raise_parallelization_factor: {autonomy: "off"}
  raise_batch_size: {autonomy: "off"}
  split_shards: {autonomy: "off"}
  raise_memory: {autonomy: auto}
"""


@pytest.fixture
def behind() -> Iterator[Pipeline]:
    """The reference demo's pipeline, whose function computes, behind an alias."""
    with mock_aws():
        with time_machine.travel(NOW - timedelta(days=30), tick=False):
            made = pipeline(World(), **SLOW, cpu_total_time_ms=COMPUTES)
            lambda_: Any = made.aws.session.client("lambda")
            lambda_.update_function_configuration(FunctionName="consumer", MemorySize=512)
            version = lambda_.publish_version(FunctionName="consumer")["Version"]
            lambda_.create_alias(FunctionName="consumer", Name="live", FunctionVersion=version)
            made.aws.session.events.register("after-call.lambda", _by_its_alias)
        with time_machine.travel(NOW, tick=False):
            yield made


def _by_its_alias(parsed: Any, **_: Any) -> None:
    """Moto names the version to which a mapping's alias points; AWS names the alias."""
    listed = parsed.get("EventSourceMappings") or [parsed]
    for one in listed:
        if "UUID" in one and one["FunctionArn"].endswith(":consumer"):
            one["FunctionArn"] += ":live"


def memory(world: Pipeline) -> dict[str, int]:
    lambda_: Any = world.aws.session.client("lambda")
    return {
        name: lambda_.get_function_configuration(FunctionName="consumer", **which)["MemorySize"]
        for name, which in (("$LATEST", {}), ("live", {"Qualifier": "live"}))
    }


def test_a_plan_says_it_apply_makes_it_and_a_rollback_puts_it_back(
    behind: Pipeline, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text(POLICY)
    planned = behind.act("plan", *CONSUMER, "--policy", policy, "--format", "json")
    (change,) = json.loads(planned.stdout)["plan"]["changes"]
    assert change["setting"] == "released_memory_mb"
    made = behind.act("apply", *CONSUMER, "--policy", policy, "--yes")
    raised = memory(behind)
    assert raised["live"] == raised["$LATEST"] > 512
    behind.act("rollback", incident_of(made.stdout), "--policy", policy, "--yes")
    assert memory(behind) == {"$LATEST": 512, "live": 512}
