"""A journal that another version has written, and answers of DynamoDB that are cut."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from remediator.aws.journal import TableJournal
from remediator.aws.table import DynamoTable
from remediator.errors import PermanentError, TemporaryError
from remediator.state import WRITTEN_AS
from tests.aws.journal_table import TABLE, dynamodb_with_table
from tests.histories import ACCOUNT, NOW, REGION, entry, freeze, spent, state

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def client() -> Iterator["DynamoDBClient"]:
    with dynamodb_with_table() as made:
        yield made


def rewritten(client: "DynamoDBClient", pk: str, sk: str, **fields: Any) -> None:
    """As a newer version would have written the record: with a field more, everywhere."""
    key: Any = {"pk": {"S": pk}, "sk": {"S": sk}}
    item: Any = client.get_item(TableName=TABLE, Key=key)["Item"]
    body = json.loads(item["body"]["S"])
    for record in body if isinstance(body, list) else [body]:
        record.update(fields)
        for part in record.values():
            if isinstance(part, dict) and fields:
                part["unknown_inside"] = 1
    item["body"] = {"S": json.dumps(body)}
    client.put_item(TableName=TABLE, Item=item)


def test_a_field_that_a_newer_version_has_added_is_left_out(client: "DynamoDBClient") -> None:
    journal = TableJournal(DynamoTable(client, TABLE))
    opened = state(mapping="mapping-1")
    journal.begin(opened)
    saved = journal.commit(opened, [entry()], None, NOW)
    journal.freeze(freeze())
    ledger = journal.spend(ACCOUNT, REGION, NOW, journal.ledger(ACCOUNT, REGION), None, [spent()])
    rewritten(client, "INCIDENT#incident-1", "HEAD", unknown={"a": 1})
    rewritten(client, "INCIDENT#incident-1", "ENTRIES#000000001", unknown=1)
    rewritten(client, "FREEZE", "all", unknown=1)
    rewritten(client, f"ACCOUNT#{ACCOUNT}#{REGION}", "LEDGER", unknown=1)
    assert journal.load("incident-1") == saved
    assert journal.open_incident("mapping-1") == saved
    assert len(journal.entries("incident-1")) == 2
    assert journal.frozen(["all"]) == freeze()
    assert journal.ledger(ACCOUNT, REGION) == ledger


def test_the_version_of_the_records_is_written_down(client: "DynamoDBClient") -> None:
    journal = TableJournal(DynamoTable(client, TABLE))
    journal.begin(state())
    loaded = journal.load("incident-1")
    assert loaded is not None
    assert loaded.written_as == WRITTEN_AS


def test_what_cannot_be_understood_is_an_error_of_the_world(client: "DynamoDBClient") -> None:
    journal = TableJournal(DynamoTable(client, TABLE))
    journal.begin(state())
    rewritten(client, "INCIDENT#incident-1", "HEAD", stage="a stage of tomorrow")
    with pytest.raises(PermanentError, match="newer version"):
        journal.load("incident-1")


class Half:
    """A client whose answers lack what they must have."""

    exceptions: Any

    def __init__(self, client: "DynamoDBClient", answer: dict[str, Any]) -> None:
        self.exceptions, self.answer = client.exceptions, answer

    def __getattr__(self, name: str) -> Any:
        return lambda **_: self.answer


@pytest.mark.parametrize("answer", [{}, {"Item": {"pk": {}}}, {"Attributes": {"fence": {"N": ""}}}])
def test_half_an_answer_of_dynamodb_is_no_answer(
    client: "DynamoDBClient", answer: dict[str, Any]
) -> None:
    journal = TableJournal(DynamoTable(Half(client, answer), TABLE))  # type: ignore[arg-type]
    with pytest.raises((TemporaryError, PermanentError)):
        journal.acquire("mapping-1", "me", NOW, 60)
    with pytest.raises((TemporaryError, PermanentError)):
        journal.frozen(["all"])
