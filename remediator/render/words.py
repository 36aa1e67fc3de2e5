"""Values in words, as ``remediator.wording`` says them."""

from remediator.wording import (
    backlog,
    by_hand,
    duration,
    in_effect,
    moment,
    name,
    number,
    offered,
    over,
    setting,
    standing,
)

__all__ = [
    "backlog",
    "by_hand",
    "duration",
    "in_effect",
    "moment",
    "name",
    "number",
    "offered",
    "over",
    "setting",
    "standing",
]
