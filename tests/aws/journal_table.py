"""A journal on a table in the process, made as ``template.yml`` makes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from moto import mock_aws

from remediator.aws.clients import PATIENCE
from remediator.aws.journal import TableJournal
from remediator.aws.table import DynamoTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "journal"


@contextmanager
def dynamodb_with_table() -> Iterator["DynamoDBClient"]:
    """A client of a DynamoDB that holds the empty table."""
    with mock_aws():
        client: DynamoDBClient = boto3.Session(region_name="eu-west-1").client(
            "dynamodb", config=PATIENCE
        )
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        yield client


@contextmanager
def dynamo_journal() -> Iterator[TableJournal]:
    """The journal on such a table."""
    with dynamodb_with_table() as client:
        yield TableJournal(DynamoTable(client, TABLE))
