"""The matrix of docs/remedies.md: every cause, lever and kind of source has an answer."""

import pytest

from remediator.decide.remedies import FIRST_AID, REMEDIES
from remediator.model import Cause
from tests.matrix import ROWS, SOURCES, lines

CELLS = [
    pytest.param(name, lever, source, said, id=f"{name}, {lever}, {source}")
    for name, lever, *cells in lines()
    for source, said in zip(SOURCES, cells, strict=True)
]
ANSWERS = ("by itself", "on approval", "refused: ", "advice: ", "nothing is needed")


def test_every_cause_and_every_lever_stands_in_it() -> None:
    assert {row.found.cause for row in ROWS} == set(Cause)
    levers = {remedy.name for row in REMEDIES.values() for remedy in row}
    told = {lever.strip("`") for _, lever, *_ in lines()} - {"none"}
    assert told == levers | {remedy.name for remedy in FIRST_AID}


@pytest.mark.parametrize(("name", "lever", "source", "said"), CELLS)
def test_a_cell_says_by_itself_on_approval_advice_or_why_not(
    name: str, lever: str, source: str, said: str
) -> None:
    assert said.startswith(ANSWERS)
    assert said.partition(": ")[2] or not said.endswith(": ")


def test_a_tables_stream_is_never_resharded_nor_kept_longer() -> None:
    table = [line for line in lines() if line[1] in {"`split_shards`", "`extend_retention`"}]
    assert all(line[-1].startswith("refused: a DynamoDB stream") for line in table)


def test_what_is_taken_from_others_or_costs_money_is_asked_for() -> None:
    asked = {"`reserve_concurrency`", "`raise_memory`", "`raise_batch_size`", "`split_shards`"}
    assert not [line for line in lines() if line[1] in asked and "by itself" in line]
