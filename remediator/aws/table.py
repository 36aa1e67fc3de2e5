"""One DynamoDB table with keys ``pk`` and ``sk``: the few kinds of call that the journal makes.

An item is a mapping of plain values here (text, whole numbers, bytes); every read is strongly
consistent, because decisions hang on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from remediator.aws.failures import aws_errors
from remediator.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Plain: TypeAlias = str | int | bytes
Item: TypeAlias = dict[str, Plain]
Key: TypeAlias = tuple[str, str]
Write: TypeAlias = dict[str, Any]

_SERIALIZER = TypeSerializer()
_ATTEMPTS = 3
_KEYS_PER_BATCH = 100
"""AWS: BatchGetItem takes up to 100 keys."""
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""AWS: cancellation reasons that have nothing to do with what was written."""


class RefusedError(Exception):
    """A condition did not hold: nothing was written.

    ``failed`` says which of the writes were refused, ``items`` what lay there instead.
    """

    def __init__(self, failed: Sequence[bool], items: Sequence[Item | None]) -> None:
        super().__init__("a condition did not hold")
        self.failed = tuple(failed)
        self.items = tuple(items)


class Table:
    """The calls. All raise TemporaryError or PermanentError, as AWS answers."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def get(self, key: Key) -> Item | None:
        """One item."""
        with _answers():
            found = self._client.get_item(
                TableName=self._name, Key=_key(key), ConsistentRead=True
            ).get("Item")
            return _plain(found) if found else None

    def get_all(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Those of the items that exist, one call for each hundred."""
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Item] = {}
        for start in range(0, len(wanted), _KEYS_PER_BATCH):
            found |= self._batch(wanted[start : start + _KEYS_PER_BATCH])
        return found

    def _batch(self, keys: Sequence[Key]) -> dict[Key, Item]:
        asked: Any = {self._name: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        found: list[Item] = []
        for _ in range(_ATTEMPTS):
            with _answers():
                answer = self._client.batch_get_item(RequestItems=asked)
                found += [_plain(item) for item in answer["Responses"].get(self._name, [])]
                asked = answer.get("UnprocessedKeys")
                if not asked:
                    return {(str(item["pk"]), str(item["sk"])): item for item in found}
        raise TemporaryError(f"dynamodb:BatchGetItem: {self._name} gave only a part of the items")

    def between(
        self, pk: str, low: str, high: str, *, newest_first: bool = False, limit: int | None = None
    ) -> tuple[Item, ...]:
        """The items whose sort keys lie between two, both included, up to ``limit``."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues=_values({":pk": pk, ":low": low, ":high": high}),
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
            PaginationConfig={"MaxItems": limit, "PageSize": limit} if limit else {},
        )
        with _answers():
            return tuple(_plain(item) for page in pages for item in page["Items"])

    def update(
        self, key: Key, update: str, condition: str, values: Mapping[str, Plain]
    ) -> Item | None:
        """Change one item and return it, or ``None`` when the condition did not hold."""
        with _answers():
            try:
                answer = self._client.update_item(
                    TableName=self._name,
                    Key=_key(key),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=_values(values),
                    ReturnValues="ALL_NEW",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return None
            return _plain(answer["Attributes"])

    def delete(self, key: Key) -> None:
        """Remove one item, if it is there."""
        with _answers():
            self._client.delete_item(TableName=self._name, Key=_key(key))

    def write(self, writes: Sequence[Write]) -> None:
        """All of the writes or none, in one call.

        The SDK gives each call a ClientRequestToken and keeps it when it tries again, so that a
        lost answer does not write twice. Raises RefusedError when a condition did not hold.
        """
        items: Any = writes
        for _ in range(_ATTEMPTS):
            with _answers():
                try:
                    self._client.transact_write_items(TransactItems=items)
                except self._client.exceptions.TransactionCanceledException as cancelled:
                    _raise_unless_passing(cancelled)
                else:
                    return
        raise TemporaryError(f"dynamodb:TransactWriteItems: {self._name}: others write there now")

    def put(
        self,
        key: Key,
        attributes: Mapping[str, Plain],
        condition: str = "",
        values: Mapping[str, Plain] | None = None,
    ) -> Write:
        """A write that replaces one item."""
        item = _key(key) | _values(attributes)
        return {"Put": {"TableName": self._name, "Item": item, **_when(condition, values)}}

    def drop(self, key: Key) -> Write:
        """A write that removes one item, if it is there."""
        return {"Delete": {"TableName": self._name, "Key": _key(key)}}

    def check(self, key: Key, condition: str, values: Mapping[str, Plain]) -> Write:
        """A write that changes nothing, but stops the others unless its condition holds."""
        check = {"TableName": self._name, "Key": _key(key), **_when(condition, values)}
        return {"ConditionCheck": check}


@contextmanager
def _answers() -> Iterator[None]:
    """AWS's errors as ours; an answer that lacks what it must have is no answer, and passes."""
    with aws_errors("dynamodb"):
        try:
            yield
        except (AttributeError, KeyError, StopIteration, TypeError, ValueError) as error:
            raise TemporaryError(f"dynamodb: half an answer: {error!r}") from error


def _raise_unless_passing(cancelled: ClientError) -> None:
    """Tell a condition that failed from a collision, which passes, and from a real fault."""
    reasons = cancelled.response["CancellationReasons"]
    failed = [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]
    if any(failed):
        items = [_plain(reason["Item"]) if reason.get("Item") else None for reason in reasons]
        raise RefusedError(failed, items) from cancelled
    codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
    if codes - _PASSING:
        said = "; ".join(reason["Message"] for reason in reasons if reason.get("Message"))
        code = min(codes - _PASSING)
        raise PermanentError(f"dynamodb:TransactWriteItems: {code}: {said}", code=code)


def _when(condition: str, values: Mapping[str, Plain] | None) -> Write:
    """A condition's part of a write; when it does not hold, AWS tells what lay there."""
    if not condition:
        return {}
    named = {"ExpressionAttributeValues": _values(values)} if values else {}
    return {
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **named,
    }


def _key(key: Key) -> dict[str, Any]:
    return _values({"pk": key[0], "sk": key[1]})


def _values(plain: Mapping[str, Plain]) -> dict[str, Any]:
    """As DynamoDB spells values: ``{"S": "text"}``."""
    return {name: _SERIALIZER.serialize(value) for name, value in plain.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    """As Python spells values; all numbers here are whole."""
    return {name: _value(*next(iter(typed.items()))) for name, typed in item.items()}


def _value(kind: str, value: Any) -> Plain:
    return int(value) if kind == "N" else value
