"""A table with the text keys ``pk`` and ``sk``: the few verbs that the journal needs, on DynamoDB.

An item is a mapping of plain values here (text, whole numbers, bytes). Conditions are boto3's own;
every read is strongly consistent, because decisions hang on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from remediator.aws.failures import aws_errors
from remediator.errors import PermanentError, TemporaryError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Plain: TypeAlias = str | int | bytes
Item: TypeAlias = dict[str, Plain]
Key: TypeAlias = tuple[str, str]

_SERIALIZER = TypeSerializer()
_ATTEMPTS = 3
# AWS: BatchGetItem takes up to 100 keys.
_KEYS_PER_BATCH = 100
# AWS: cancellation reasons that have nothing to do with what was written.
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


class Put(NamedTuple):
    """A write that replaces one item."""

    key: Key
    attributes: Mapping[str, Plain]
    only_if: ConditionBase | None = None


class Drop(NamedTuple):
    """A write that removes one item, if it is there."""

    key: Key
    only_if: None = None


class Check(NamedTuple):
    """A write that changes nothing, but stops the others unless its condition holds."""

    key: Key
    only_if: ConditionBase


Write: TypeAlias = Put | Drop | Check


class RefusedError(Exception):
    """A condition did not hold: nothing was written.

    ``failed`` says which of the writes were refused, ``items`` what lay there instead.
    """

    def __init__(self, failed: Sequence[bool], items: Sequence[Item | None]) -> None:
        super().__init__("a condition did not hold")
        self.failed = tuple(failed)
        self.items = tuple(items)


class Table(Protocol):
    """The verbs. All raise TemporaryError or PermanentError."""

    def get(self, key: Key) -> Item | None:
        """One item."""

    def get_all(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Those of the items that exist."""

    def between(
        self, pk: str, low: str, high: str, *, newest_first: bool = False, limit: int | None = None
    ) -> tuple[Item, ...]:
        """The items whose sort keys lie between two, both included, up to ``limit``."""

    def update(
        self,
        key: Key,
        values: Mapping[str, Plain],
        only_if: ConditionBase,
        grow_by: Mapping[str, int] | None = None,
    ) -> Item | None:
        """Set some of one item's values, let others grow from 0 or what they are, and return it.

        ``None``: the condition did not hold.
        """

    def delete(self, key: Key) -> None:
        """Remove one item, if it is there."""

    def write(self, writes: Sequence[Write]) -> None:
        """All of the writes or none. Raises RefusedError when a condition did not hold."""


class DynamoTable:
    """One table of DynamoDB; raises as AWS answers."""

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
        self,
        key: Key,
        values: Mapping[str, Plain],
        only_if: ConditionBase,
        grow_by: Mapping[str, int] | None = None,
    ) -> Item | None:
        """One call."""
        grown = grow_by or {}
        sets = ", ".join(f"{name} = :{name}" for name in values)
        adds = ", ".join(f"{name} :{name}" for name in grown)
        parts = (f"SET {sets}" if sets else "", f"ADD {adds}" if adds else "")
        named = {f":{name}": value for name, value in {**values, **grown}.items()}
        with _answers():
            try:
                answer = self._client.update_item(
                    TableName=self._name,
                    Key=_key(key),
                    UpdateExpression=" ".join(filter(None, parts)),
                    ReturnValues="ALL_NEW",
                    **_when(only_if, named),
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return None
            return _plain(answer["Attributes"])

    def delete(self, key: Key) -> None:
        """Remove one item, if it is there."""
        with _answers():
            self._client.delete_item(TableName=self._name, Key=_key(key))

    def write(self, writes: Sequence[Write]) -> None:
        """One call.

        The SDK gives each call a ClientRequestToken and keeps it when it tries again, so that a
        lost answer does not write twice.
        """
        items: Any = [self._spelt(write) for write in writes]
        for _ in range(_ATTEMPTS):
            with _answers():
                try:
                    self._client.transact_write_items(TransactItems=items)
                except self._client.exceptions.TransactionCanceledException as cancelled:
                    _raise_unless_passing(cancelled)
                else:
                    return
        raise TemporaryError(f"dynamodb:TransactWriteItems: {self._name}: others write there now")

    def _spelt(self, write: Write) -> dict[str, Any]:
        """As TransactWriteItems takes it; of a condition that does not hold, AWS tells what lay
        there."""
        table, condition = {"TableName": self._name}, {}
        if write.only_if is not None:
            condition = _when(write.only_if) | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        if isinstance(write, Put):
            item = _key(write.key) | _values(write.attributes)
            return {"Put": {**table, "Item": item, **condition}}
        kind = "Delete" if isinstance(write, Drop) else "ConditionCheck"
        return {kind: {**table, "Key": _key(write.key), **condition}}


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


def _when(only_if: ConditionBase, values: Mapping[str, Plain] | None = None) -> dict[str, Any]:
    """A condition's part of a call, beside other values; AWS takes no empty mapping of them."""
    built = ConditionExpressionBuilder().build_expression(only_if)
    named = _values({**built.attribute_value_placeholders, **(values or {})})
    return {
        "ConditionExpression": built.condition_expression,
        "ExpressionAttributeNames": built.attribute_name_placeholders,
        **({"ExpressionAttributeValues": named} if named else {}),
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
