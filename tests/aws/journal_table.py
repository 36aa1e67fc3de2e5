"""A journal on a table made as ``template.yml`` makes it: in the process, or on another DynamoDB.

``JOURNAL_ENDPOINT`` in the environment names one that takes any credentials (``make e2e``).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

import boto3
from moto import mock_aws

from lab.own_aws import make_journal_table
from remediator.aws.clients import PATIENCE
from remediator.aws.journal import TableJournal
from remediator.aws.table import DynamoTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "journal"


@cache
def _session() -> boto3.Session:
    """One for all tables: it reads DynamoDB's model only once."""
    return boto3.Session(region_name="eu-west-1")


@contextmanager
def dynamodb_with_table() -> Iterator["DynamoDBClient"]:
    """A client of a DynamoDB that holds the empty table."""
    elsewhere = os.environ.get("JOURNAL_ENDPOINT")
    with nullcontext() if elsewhere else mock_aws():
        client: DynamoDBClient = _session().client(
            "dynamodb", config=PATIENCE, endpoint_url=elsewhere
        )
        make_journal_table(client, TABLE)
        yield client
        client.delete_table(TableName=TABLE)


@contextmanager
def dynamo_journal() -> Iterator[TableJournal]:
    """The journal on such a table."""
    with dynamodb_with_table() as client:
        yield TableJournal(DynamoTable(client, TABLE))
