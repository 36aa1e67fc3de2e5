"""Moto in a hurry keeps its word: what a refused transaction was about is as it was."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from lab.bridge.moto_quick import hurry

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

HASH, SORT = ("pk", "HASH"), ("sk", "RANGE")
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture(params=["sorted", "streaming", "without sort keys"])
def table(request: pytest.FixtureRequest) -> Iterator["DynamoDBClient"]:
    """A table of three items, of which two are in one partition where there are sort keys."""
    hurry()
    keys = [HASH] if request.param == "without sort keys" else [HASH, SORT]
    streams: Any = {"StreamSpecification": STREAM} if request.param == "streaming" else {}
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in keys],  # type: ignore[typeddict-item]
            **streams,
        )
        for pk, sk in (("a", "1"), ("a", "2"), ("b", "1")):
            client.put_item(TableName="t", Item=key(pk, sk, request.param) | {"n": {"N": "1"}})
        yield client


def key(pk: str, sk: str, kind: str = "sorted") -> dict[str, Any]:
    if kind == "without sort keys":
        return {"pk": {"S": pk + sk}, "sk": {"S": sk}}
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def transact(client: "DynamoDBClient", there: list[dict[str, Any]], wanted: str) -> None:
    """One is counted up, one is replaced, one is new; a third one's count has to be as wanted."""
    names = ("pk", "sk") if {item["pk"]["S"] for item in there} == {"a", "b"} else ("pk",)
    first, second, third = (item | {} for item in there)
    counted: Any = {
        "TableName": "t",
        "Key": {name: first[name] for name in names},
        "UpdateExpression": "SET n = n + :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    checked: Any = {
        "TableName": "t",
        "Key": {name: third[name] for name in names},
        "ConditionExpression": "n = :wanted",
        "ExpressionAttributeValues": {":wanted": {"N": wanted}},
    }
    new: Any = {"pk": {"S": "c"}, "sk": {"S": "1"}, "n": {"N": "1"}}
    client.transact_write_items(
        TransactItems=[
            {"Update": counted},
            {"Put": {"TableName": "t", "Item": second | {"n": {"N": "7"}}}},
            {"Put": {"TableName": "t", "Item": new}},
            {"ConditionCheck": checked},
        ]
    )


def test_a_refused_transaction_leaves_all_as_it_was(table: "DynamoDBClient") -> None:
    before = table.scan(TableName="t")["Items"]
    for _ in range(2):
        with pytest.raises(table.exceptions.TransactionCanceledException):
            transact(table, before, wanted="2")
        assert table.scan(TableName="t")["Items"] == before


def test_one_that_holds_is_made_and_nothing_is_left_of_the_copies(table: "DynamoDBClient") -> None:
    before = table.scan(TableName="t")["Items"]
    transact(table, before, wanted="1")
    after = [item["n"]["N"] for item in table.scan(TableName="t")["Items"]]
    assert sorted(after) == ["1", "1", "2", "7"]
    transact(table, table.scan(TableName="t")["Items"][:3], wanted="1")


def test_a_table_that_is_not_there_is_refused_as_ever(table: "DynamoDBClient") -> None:
    with pytest.raises(table.exceptions.ClientError):
        table.transact_write_items(
            TransactItems=[{"Put": {"TableName": "other", "Item": {"pk": {"S": "a"}}}}]
        )
