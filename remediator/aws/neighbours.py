"""Who else is there: the other readers of the stream, the other mappings of the function.

One page of the account's mappings tells both in all but large accounts. Where there are more, they
are listed by what they name: the stream, its registered consumers, the function, its aliases. For
AWS leaves open whether a listing by stream shows the mappings of its consumers, and whether one by
function shows those of its aliases; what is safe depends on both, so it is asked however many
calls that takes.

Source: Lambda API Reference, ListEventSourceMappings and ListAliases.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from remediator.aws import questions, readers
from remediator.aws.asking import Question, Reply
from remediator.aws.clients import Clients
from remediator.aws.reading import Answer
from remediator.aws.series import owner_elsewhere
from remediator.model import Gap, Reader, Target

Replies = Mapping[str, Reply]

_MAPPINGS = "EventSourceMappings"


class Neighbours(NamedTuple):
    """The other readers and mappings; ``None`` with a gap where they could not be seen."""

    readers: tuple[Reader, ...] | None
    sibling_mappings: int | None
    gaps: tuple[Gap, ...]


def all_are_listed(account: Reply) -> bool:
    """Whether one page holds all mappings of the account."""
    return account.whole and not account.first.get("NextMarker")


def by_name(clients: Clients, target: Target) -> tuple[Question, ...]:
    """The stream's mappings, the function's, and by which aliases they may name it."""
    return (
        questions.mappings(clients, "readers", {"EventSourceArn": target.source_arn}),
        *questions.mappings_of(clients, "FunctionName", _names(target)),
        questions.aliases(clients, target.function),
    )


def by_name_found(clients: Clients, target: Target, replies: Replies) -> tuple[Question, ...]:
    """The mappings of what the first questions have found: other aliases, registered consumers."""
    aliases = (
        f"{target.function}:{name}" for name in _found(replies, "aliases", "Aliases", "Name")
    )
    new = [name for name in aliases if name not in _names(target)]
    consumers = _found(replies, "consumers", "Consumers", "ConsumerARN")
    return (
        *questions.mappings_of(clients, "FunctionName", new),
        *questions.mappings_of(clients, "EventSourceArn", consumers),
    )


def seen(target: Target, replies: Replies) -> Neighbours:
    """What the replies tell, and what is missing of them.

    The readers of a stream in another account are mostly there, too, where we cannot list them.
    """
    around = _seen(target, replies)
    owner = owner_elsewhere(target)
    if owner is None or around.readers is None:
        return around
    hidden = Gap(reading="readers", reason=f"the stream lies in account {owner}, as others may")
    return around._replace(readers=None, gaps=(*around.gaps, hidden))


def _seen(target: Target, replies: Replies) -> Neighbours:
    registered = tuple(_items(replies, "consumers", "Consumers"))
    if all_are_listed(replies["mappings"]):
        listed = tuple(_items(replies, "mappings", _MAPPINGS))
        return Neighbours(
            readers.readers_of(listed, registered, target), readers.siblings(listed, target), ()
        )
    of_stream, of_function = _about_stream(replies), _about_function(target, replies)
    hidden = _cut(replies, of_function, "sibling_mappings")
    listed = tuple(one for about in of_stream for one in _items(replies, about, _MAPPINGS))
    return Neighbours(
        readers.readers_of(listed, registered, target) if replies["readers"].whole else None,
        None if hidden else readers.siblings(_all(replies, of_function), target),
        (
            *_cut(replies, ["readers"], "readers"),
            *_cut(replies, of_stream[1:], "consumer_mappings"),
            *hidden,
        ),
    )


def own_questions(replies: Replies) -> frozenset[str]:
    """The replies whose gaps ``seen`` tells, by another name or not at all."""
    ours = ("mappings", "readers", "aliases")
    return frozenset(about for about in replies if about in ours or about.startswith("mappings of"))


def _names(target: Target) -> tuple[str, ...]:
    alias = (f"{target.function}:{target.qualifier}",) if target.qualifier else ()
    return (target.function, *alias)


def _about_stream(replies: Replies) -> list[str]:
    consumers = _found(replies, "consumers", "Consumers", "ConsumerARN")
    return ["readers", *(f"mappings of {arn}" for arn in consumers)]


def _about_function(target: Target, replies: Replies) -> list[str]:
    of_names = f"mappings of {target.function}"
    exact = [about for about in replies if about == of_names or about.startswith(f"{of_names}:")]
    return ["aliases", *exact]


def _all(replies: Replies, abouts: Iterable[str]) -> Iterator[Answer]:
    return (one for about in abouts for one in _items(replies, about, _MAPPINGS))


def _items(replies: Replies, about: str, field: str) -> Iterator[Answer]:
    pages = replies[about].pages if about in replies else ()
    return (one for page in pages for one in page.get(field) or ())


def _found(replies: Replies, about: str, field: str, name: str) -> tuple[str, ...]:
    return tuple(one[name] for one in _items(replies, about, field))


def _cut(replies: Replies, abouts: Iterable[str], as_reading: str) -> tuple[Gap, ...]:
    """The first gap of some replies, under the name of what it hides."""
    gaps = (replies[about].gap for about in abouts if about in replies)
    found = next((gap for gap in gaps if gap), None)
    return (found.model_copy(update={"reading": as_reading}),) if found else ()
