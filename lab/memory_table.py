"""A table in memory, for storms, worlds at random and tests in which DynamoDB is not what is tried.

``tests/aws/test_journal.py`` holds it and DynamoDB to the same promises.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from boto3.dynamodb.conditions import ConditionBase

from remediator.aws.journal import TableJournal
from remediator.aws.table import Drop, Item, Key, Plain, Put, RefusedError, Write

_HOLDS: Mapping[str, Callable[..., bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    "<=": operator.le,
    "IN": lambda value, among: value in among,
}


class MemoryTable:
    """``remediator.aws.table.Table`` in dictionaries, one for each partition.

    ``before`` is told each call by the name that DynamoDB has for it, and may raise in its place.
    """

    def __init__(self, before: Callable[[str], None] = lambda _: None) -> None:
        self._partitions: dict[str, dict[str, Item]] = {}
        self._before = before

    def get(self, key: Key) -> Item | None:
        self._before("GetItem")
        return self._lying(key)

    def get_all(self, keys: Iterable[Key]) -> dict[Key, Item]:
        wanted = dict.fromkeys(keys)
        if wanted:
            self._before("BatchGetItem")
        return {key: item for key in wanted if (item := self._lying(key))}

    def between(
        self, pk: str, low: str, high: str, *, newest_first: bool = False, limit: int | None = None
    ) -> tuple[Item, ...]:
        self._before("Query")
        partition = self._partitions.get(pk, {})
        found = sorted((sk for sk in partition if low <= sk <= high), reverse=newest_first)
        return tuple(partition[sk] for sk in found[:limit])

    def update(
        self,
        key: Key,
        values: Mapping[str, Plain],
        only_if: ConditionBase,
        grow_by: Mapping[str, int] | None = None,
    ) -> Item | None:
        self._before("UpdateItem")
        there = self._lying(key)
        if not _holds(only_if, there):
            return None
        grown = {name: int((there or {}).get(name, 0)) + by for name, by in (grow_by or {}).items()}
        return self._put(key, {**(there or {}), **values, **grown})

    def delete(self, key: Key) -> None:
        self._before("DeleteItem")
        self._drop(key)

    def write(self, writes: Sequence[Write]) -> None:
        self._before("TransactWriteItems")
        if len({write.key for write in writes}) != len(writes):
            raise ValueError("one transaction cannot write an item twice")
        there = [self._lying(write.key) for write in writes]
        failed = [
            write.only_if is not None and not _holds(write.only_if, item)
            for write, item in zip(writes, there, strict=True)
        ]
        if any(failed):
            refused = zip(failed, there, strict=True)
            raise RefusedError(failed, [item if no else None for no, item in refused])
        for write in writes:
            if isinstance(write, Put):
                self._put(write.key, write.attributes)
            elif isinstance(write, Drop):
                self._drop(write.key)

    def _lying(self, key: Key) -> Item | None:
        return self._partitions.get(key[0], {}).get(key[1])

    def _put(self, key: Key, attributes: Mapping[str, Plain]) -> Item:
        item = {**attributes, "pk": key[0], "sk": key[1]}
        self._partitions.setdefault(key[0], {})[key[1]] = item
        return item

    def _drop(self, key: Key) -> None:
        self._partitions.get(key[0], {}).pop(key[1], None)


def memory_journal() -> TableJournal:
    """A journal on an empty table."""
    return TableJournal(MemoryTable())


def _holds(condition: ConditionBase, item: Item | None) -> bool:
    """Whether a condition holds for what lies there. Raises KeyError for one not known here."""
    said: Any = condition.get_expression()
    first, *others = said["values"]
    there = item or {}
    match said["operator"]:
        case "AND":
            return all(_holds(one, item) for one in said["values"])
        case "OR":
            return any(_holds(one, item) for one in said["values"])
        case "attribute_not_exists":
            return first.name not in there
        case compared:
            return first.name in there and _HOLDS[compared](there[first.name], *others)
