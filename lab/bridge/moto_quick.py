"""Moto's answers, got quicker: what it does anew for every request, and need not.

A transaction copies whole tables, in case that it is refused; here it copies the items that it is
about. And to find a service's method it goes through all members of a class, each time.
"""

from collections import defaultdict
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
    wanted = [(kind, action) for item in transact_items for kind, action in item.items()]
    with ExitStack() as stack:
        for name in {action.get("TableName") for _, action in wanted} & set(self.tables):
            about = [(kind, of) for kind, of in wanted if of.get("TableName") == name]
            stack.enter_context(_copied_in_part(self.tables[name], about))
        _whole(self, transact_items)


@contextmanager
def _copied_in_part(table: Table, about: Sequence[tuple[str, Action]]) -> Iterator[None]:
    """Within, a deep copy of the table has lists of items of its own where one is put or deleted,
    and of what is updated a copy: nothing else is changed. One that streams is copied as ever,
    since its stream grows, and so is one without sort keys."""
    if table.stream_shard is None and table.range_key_attr is not None:
        table.__dict__["__deepcopy__"] = lambda _memo: _in_part(table, about)
    try:
        yield
    finally:
        table.__dict__.pop("__deepcopy__", None)


def _in_part(table: Table, about: Sequence[tuple[str, Action]]) -> Table:
    found = copy(table)
    found.__dict__.pop("__deepcopy__", None)
    found.items = copy(table.items)
    for named, changes in _by_partition(table, about).items():
        partition = DynamoType({named[0]: named[1]})
        if (items := table.items.get(partition)) is None:
            continue
        found.items[partition] = mine = copy(items)
        for key in (DynamoType(change) for kind, change in changes if kind == "Update"):
            if (item := items.get(key)) is not None:
                mine[key] = deepcopy(item)
    return found


# The partition's key as (type, value), and (what is done, the item's sort key) in it.
Changes = dict[tuple[str, str], list[tuple[str, dict[str, str]]]]


def _by_partition(table: Table, about: Sequence[tuple[str, Action]]) -> Changes:
    found: defaultdict[tuple[str, str], list[tuple[str, dict[str, str]]]] = defaultdict(list)
    for kind, action in about:
        names = action.get("Key") or action.get("Item") or {}
        if kind != "ConditionCheck" and {table.hash_key_attr, table.range_key_attr} <= set(names):
            ((of, value),) = names[table.hash_key_attr].items()
            found[of, value].append((kind, names[str(table.range_key_attr)]))
    return found
