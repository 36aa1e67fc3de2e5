"""Values in words, as ``remediator.wording`` says them."""

from remediator.wording import (
    by_hand,
    duration,
    in_effect,
    moment,
    name,
    number,
    offered,
    setting,
    standing,
)

__all__ = [
    "by_hand",
    "duration",
    "in_effect",
    "moment",
    "name",
    "number",
    "offered",
    "setting",
    "standing",
]
