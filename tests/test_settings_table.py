"""The table of settings says of AWS what AWS says of itself, and is all that the code knows."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from remediator.model import FunctionState, MappingState, Record, ResourceKind, StreamState
from remediator.setting import Setting
from remediator.settings_table import CAPTURED, SETTINGS

ROOMS = Path(__file__).parent.parent / "remediator"
RECORDS: Mapping[ResourceKind, type[Record]] = {
    ResourceKind.EVENT_SOURCE_MAPPING: MappingState,
    ResourceKind.FUNCTION: FunctionState,
    ResourceKind.STREAM: StreamState,
}
OF_LAMBDA = [row for row in SETTINGS.values() if row.api is not None]
# The table itself, and the record of a plan, which lies below it.
NAMES_THEM = {"settings_table.py", "plan.py"}


def operation(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


@pytest.mark.parametrize("row", OF_LAMBDA, ids=lambda row: row.name)
def test_a_setting_is_a_parameter_of_the_call_that_writes_it(row: Setting) -> None:
    assert row.api is not None
    model: Any = Session().get_service_model("lambda")
    asked = model.operation_model(operation(row.api.put)).input_shape
    answered = model.operation_model(operation(row.api.get)).output_shape
    assert row.api.key in asked.members
    assert model.operation_model(operation(row.api.get)).input_shape.members[row.api.key]
    for part in row.field.split("."):
        asked, answered = asked.members[part], answered.members[part]
    if row.bounds is None:
        return
    low = min((row.bounds[0], *row.never))
    assert asked.metadata.get("min", low) <= low
    assert row.bounds[1] <= asked.metadata.get("max", row.bounds[1])


@pytest.mark.parametrize("row", SETTINGS.values(), ids=lambda row: row.name)
def test_evidence_holds_what_every_setting_is_now(row: Setting) -> None:
    if row.one_by_one or row.in_steps:
        return  # a range of hash keys, or who reads, has no place of its own there
    assert row.name in RECORDS[row.kind].model_fields


def test_what_gives_records_up_is_tied_to_what_captures_them() -> None:
    assert [(row.name, by.name) for row, by in CAPTURED] == [
        ("maximum_retry_attempts", "on_failure_destination")
    ]


def test_nowhere_else_is_it_asked_which_setting_it_is_by_its_name() -> None:
    """Old names and options of the forecast stand in what people read; they decide nothing."""
    asks = re.compile(rf"(==|!=|\bin\b)[^\n]*[\"'{{]({'|'.join(SETTINGS)})[\"']")
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted(ROOMS.rglob("*.py"))
        if path.name not in NAMES_THEM and "render" not in path.parts
        for line in path.read_text().splitlines()
        if asks.search(line)
    ]
    assert found == []
