"""An ARN, taken apart: the only place that knows where its colons stand."""

import re
from typing import NamedTuple


class Arn(NamedTuple):
    """``arn:partition:service:region:account:resource``; a bucket's has neither Region nor account.

    The parts are as they were written. What a name must look like stands in ``events.names``.
    """

    partition: str
    service: str
    region: str
    account_id: str
    resource: str


def successor_name(mapping: str) -> str:
    """The name of the registered consumer through which a mapping that takes over from ``mapping``
    (a UUID) reads. It is how a look finds what an earlier one has begun."""
    return f"{_OURS}{mapping}"


def taken_over(consumer: str | None) -> str | None:
    """The mapping from which one that reads through this consumer (an ARN, with or without the time
    of its creation) has taken over for us; ``None``: it was not us who made it."""
    name = (consumer or "").partition("/consumer/")[2].partition(":")[0]
    uuid = name.removeprefix(_OURS)
    return uuid if name.startswith(_OURS) and _UUID.fullmatch(uuid) else None


_OURS = "remediator-"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def parsed(text: str | None) -> Arn | None:
    """The parts of a text that is an ARN; ``None`` for any other."""
    prefix, *parts = (text or "").split(":", 5)
    return Arn(*parts) if prefix == "arn" and len(parts) == len(Arn._fields) else None
