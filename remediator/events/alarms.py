"""What a CloudWatch alarm looks at, in all the spellings that AWS has for it.

The same facts come as ``configuration`` (Lambda action, EventBridge), as ``Trigger`` (SNS) and as
an alarm that was described: keys in lower or upper case, dimensions as a mapping or as a list of
name and value pairs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from remediator.errors import InputError
from remediator.events import names
from remediator.events.names import Named
from remediator.model import Watched

# The metrics of lag; of several metrics in one alarm, these say what it is about.
AGE_METRICS = frozenset(
    {
        "IteratorAge",
        "IteratorAgeMilliseconds",
        "GetRecords.IteratorAgeMilliseconds",
        "SubscribeToShardEvent.MillisBehindLatest",
    }
)

# Which dimensions name something that can be watched, the most exact first.
_DIMENSIONS: tuple[tuple[str, Callable[[object], Named]], ...] = (
    ("EventSourceMappingUUID", names.mapping),
    ("FunctionName", names.function),
    ("function_name", names.function),
    ("Resource", names.function),
    ("StreamName", names.stream),
)

# Of AWS's namespaces. Others use the same dimensions for other things (AWS/KinesisVideo).
_OURS = frozenset({"AWS/Lambda", "AWS/Kinesis"})

# So many names of an alarm are told in a refusal.
_MOST_LISTED = 5

_RULE_CHILD = re.compile(r'\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|([^\s()",]+))\s*\)')
# ``AT_LEAST(2, ALARM, (one, two, three))``.
_RULE_GROUP = re.compile(r"\bAT_LEAST\s*\([^()]*\(([^()]*)\)")

_SELECT = re.compile(r'SELECT\s+\w+\(\s*"?([\w.]+)', re.IGNORECASE)
_FROM = re.compile(r'FROM\s+(?:SCHEMA\s*\(\s*)?"?([\w./-]+)', re.IGNORECASE)
_WHERE = re.compile(
    r"\b(EventSourceMappingUUID|FunctionName|Resource|StreamName)\"?\s*=\s*'([^']*)'"
)


class Metric(NamedTuple):
    """One metric of an alarm, in one spelling."""

    name: str
    namespace: str
    dimensions: Mapping[str, Any]
    account_id: str | None = None
    """Of the account that the metric comes from, where the alarm names it."""


def metrics(alarm: object) -> Iterator[Metric]:
    """The metrics of an alarm's configuration, trigger or description; none for a composite."""
    entries = lowered(alarm).get("metrics")
    for entry in entries if isinstance(entries, list) else [alarm]:
        yield from _metrics_of(entry)


def late_after_seconds(alarm: object, threshold: float | None) -> float | None:
    """The age from which an alarm's owner calls it late, where its one metric is an age. Of metric
    math nobody knows the unit: a slope is made of ages, too."""
    entries = lowered(alarm).get("metrics")
    expressions = [
        lowered(entry).get("expression") for entry in (entries if isinstance(entries, list) else [])
    ]
    if any(isinstance(one, str) and not _SELECT.search(one) for one in expressions):
        return None
    of_lag = [metric.name in AGE_METRICS for metric in metrics(alarm)]
    return threshold / 1000 if of_lag == [True] and threshold is not None else None


def watched_by(seen: Iterable[Metric], default_function: str | None = None) -> Named | None:
    """What an alarm on these metrics points at; ``None`` when they name nothing.

    Metrics of lag decide before others, a mapping before a function, a function before a
    stream. A function and its alias are one. Raises InputError for a malformed name, and for
    several functions at once, unless ``default_function`` is one of them.
    """
    named = [(metric, _named(metric)) for metric in seen]
    of_lag = [found for metric, found in named if found and metric.name in AGE_METRICS]
    found = dict.fromkeys(of_lag or [found for _, found in named if found])
    most_exact = min(map(_vagueness, found), default=0)
    best = _one_for_each([one for one in found if _vagueness(one) == most_exact])
    if len(best) > 1:
        best = [one for one in best if one.watched.function == default_function] or best
    if len(best) > 1:
        listed = shortened(sorted(str(one.watched) for one in best))
        raise InputError(
            f"expected an alarm on one function or stream, got several ({listed}): use one alarm "
            "for each, or a Metrics Insights alarm with GROUP BY"
        )
    return best[0] if best else None


def _one_for_each(found: Sequence[Named]) -> list[Named]:
    """Aliases and versions of one function are that function: the one alias that is named, since
    its mapping is meant, else the function as a whole."""
    by_thing: dict[object, list[Named]] = {}
    for one in found:
        by_thing.setdefault(one._replace(watched=_unqualified(one.watched)), []).append(one)
    return [_together(same) for same in by_thing.values()]


def _together(same: Sequence[Named]) -> Named:
    qualified = [one for one in same if one.watched.qualifier]
    if len(qualified) == 1:
        return qualified[0]
    return same[0]._replace(watched=_unqualified(same[0].watched))


def _unqualified(watched: Watched) -> Watched:
    return watched.model_copy(update={"qualifier": None}) if watched.qualifier else watched


def about_another_thing(seen: Iterable[Metric]) -> bool:
    """Whether an alarm's metrics are all of other services or name other things than we know: then
    it is about none of our functions, not even the one of last resort."""
    listed = list(seen)
    return bool(listed) and all(
        metric.namespace not in _OURS | {""}
        and (metric.namespace.startswith("AWS/") or bool(metric.dimensions))
        for metric in listed
    )


def shortened(listed: Sequence[str]) -> str:
    """The first few of many names, and how many more there are."""
    more = len(listed) - _MOST_LISTED
    return ", ".join(listed[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def in_rule(rule: str) -> tuple[str, ...]:
    """The alarms that a composite alarm's rule names, by name or ARN, each once."""
    named = [quoted or bare for quoted, bare in _RULE_CHILD.findall(rule)]
    grouped = [name.strip(' \t\n"') for name in ",".join(_RULE_GROUP.findall(rule)).split(",")]
    return tuple(dict.fromkeys(name for name in (*named, *grouped) if name))


def lowered(value: object) -> dict[str, Any]:
    """A mapping with its keys in lower case; empty when it is none."""
    if not isinstance(value, dict):
        return {}
    return {key.lower(): item for key, item in value.items() if isinstance(key, str)}


def dimensions(value: object) -> dict[str, Any]:
    """Dimensions from any of the three spellings; empty when they are none."""
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if isinstance(key, str)}
    pairs = [lowered(item) for item in value] if isinstance(value, list) else []
    return {pair["name"]: pair.get("value") for pair in pairs if isinstance(pair.get("name"), str)}


def _metrics_of(entry: object) -> Iterator[Metric]:
    fields = lowered(entry)
    account = names.account_id(fields.get("accountid"))
    expression = fields.get("expression")
    if isinstance(expression, str):
        yield from _selected(expression, account)
        return
    metric = lowered(lowered(fields.get("metricstat")).get("metric")) or fields
    name = metric.get("name") or metric.get("metricname")
    namespace = metric.get("namespace")
    yield Metric(
        name if isinstance(name, str) else "",
        namespace if isinstance(namespace, str) else "",
        dimensions(metric.get("dimensions")),
        account,
    )


def _selected(expression: str, account: str | None) -> Iterator[Metric]:
    """The metrics that a Metrics Insights query narrows down to; none for other expressions."""
    select, source = _SELECT.search(expression), _FROM.search(expression)
    if not select or not source:
        return
    pairs = list(dict.fromkeys(_WHERE.findall(expression)))
    together = len({name for name, _ in pairs}) == len(pairs)
    for narrowed in [dict(pairs)] if together else [{name: value} for name, value in pairs]:
        yield Metric(select[1], source[1], narrowed, account)


def _named(metric: Metric) -> Named | None:
    if metric.namespace.startswith("AWS/") and metric.namespace not in _OURS:
        return None
    known = ((name, read) for name, read in _DIMENSIONS if name in metric.dimensions)
    dimension, read = next(known, (None, None))
    if dimension is None or read is None:
        return None
    found = read(metric.dimensions[dimension])
    if found.watched.function and metric.namespace in {"AWS/Lambda", ""}:
        found = _qualified(found, metric.dimensions.get("Resource"))
    return found._replace(account_id=found.account_id or metric.account_id)


def _qualified(found: Named, resource: object) -> Named:
    """With the alias or version of ``Resource``, which Lambda writes ``function:alias``."""
    if resource is None or found.watched.qualifier:
        return found
    precise = names.function(resource).watched
    if precise.function != found.watched.function:
        raise InputError(
            f"expected Resource and FunctionName to name one function, got {precise} and "
            f"{found.watched}"
        )
    return found._replace(watched=precise)


def _vagueness(found: Named) -> int:
    watched = found.watched
    return 0 if watched.event_source_mapping else 1 if watched.function else 2
