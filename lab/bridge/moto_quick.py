"""Moto's answers, got quicker: what it does anew for every request, and need not.

A transaction copies whole tables, in case that it is refused; here it copies the items that it is
about. And to find a service's method it goes through all members of a class, each time.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy, deepcopy
from functools import cache
from typing import Any

import moto.core.responses
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

Action = Mapping[str, Any]

_whole = DynamoDBBackend.transact_write_items


def hurry() -> None:
    """From now on, in this process."""
    DynamoDBBackend.transact_write_items = _transact  # type: ignore[method-assign]
    vars(moto.core.responses)["method_names_from_class"] = cache(method_names_from_class)


def _transact(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    actions = [action for item in transact_items for action in item.values()]
    with ExitStack() as stack:
        for name in {action.get("TableName") for action in actions} & set(self.tables):
            about = [action for action in actions if action["TableName"] == name]
            stack.enter_context(_copied_in_part(self.tables[name], about))
        _whole(self, transact_items)


@contextmanager
def _copied_in_part(table: Table, actions: Sequence[Action]) -> Iterator[None]:
    """Within, a deep copy of the table has copies of those items alone, and the others as they
    are: none of them is changed. One that streams is copied as ever, since its stream grows, and so
    is one without sort keys."""
    if table.stream_shard is None and table.range_key_attr is not None:
        table.__dict__["__deepcopy__"] = lambda _memo: _in_part(table, actions)
    try:
        yield
    finally:
        table.__dict__.pop("__deepcopy__", None)


def _in_part(table: Table, actions: Sequence[Action]) -> Table:
    found = copy(table)
    found.__dict__.pop("__deepcopy__", None)
    found.items = copy(table.items)
    for action in actions:
        names = action.get("Key") or action.get("Item") or {}
        key = [DynamoType(names[name]) for name in _key_of(table) if name in names]
        if len(key) == 2 and key[0] in table.items:
            here, there = key
            found.items[here] = partition = copy(found.items[here])
            if there in partition:
                partition[there] = deepcopy(partition[there])
    return found


def _key_of(table: Table) -> tuple[str | None, str | None]:
    return table.hash_key_attr, table.range_key_attr
