"""An ARN, taken apart: the only place that knows where its colons stand."""

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


def parsed(text: str | None) -> Arn | None:
    """The parts of a text that is an ARN; ``None`` for any other."""
    prefix, *parts = (text or "").split(":", 5)
    return Arn(*parts) if prefix == "arn" and len(parts) == len(Arn._fields) else None
