"""Something good, spoilt at random: reproducible by its number."""

import copy
import json
import math
import random
from collections.abc import Iterator
from typing import Any

# Words that something on the way might obey.
HOSTILE = (
    "::stop-commands::x",
    "\n::error::x",
    "\r\n  ::add-mask::x",
    "##[error]x",
    "\x1b[2J\x1b]0;x\x07",
    "\x9b31m",
    "\u202egnp.exe",
    "\ud800",
    "```\n# x\n<script>alert(1)</script>",
    "[x](http://evil.example/) ![y](http://evil.example/p.png) @someone",
    "$(touch /tmp/x)`touch /tmp/x`; touch /tmp/x & '\"",
    "| a | b |",
    "x" * 5000,
)

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**30, -(10**30), 1e300, -1e300, math.nan, math.inf, -math.inf),
    *("", " ", "0", "null", [], {}, [[]], [None], {"a": None}, {"": ""}, [{}] * 3),
    *("2026-11-23T10:15:30", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", 2**63),
    *HOSTILE,
)


def spoilt(good: Any, number: int) -> Any:
    """The good value with one to four things wrong in it."""
    chance = random.Random(number)
    made = copy.deepcopy(good)
    for _ in range(chance.choice((1, 1, 2, 4))):
        places = list(_places(made))
        if not places:
            return copy.deepcopy(chance.choice(ODD))
        _spoil(chance, made, *chance.choice(places))
    return made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _spoil(chance: random.Random, whole: Any, holder: Any, key: Any) -> None:
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[chance.choice(HOSTILE)] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.extend(copy.deepcopy(holder[key]) for _ in range(chance.choice((1, 3, 30))))
        case 3:
            other, place = chance.choice(list(_places(whole)))
            holder[key] = copy.deepcopy(other[place])
        case 4 if isinstance(holder[key], str):
            holder[key] += chance.choice(HOSTILE)
        case _:
            holder[key] = copy.deepcopy(chance.choice(ODD))


def torn(text: str, number: int) -> str:
    """A text with a few characters lost, doubled or replaced."""
    chance = random.Random(number)
    for _ in range(chance.choice((1, 2, 5))):
        at = chance.randrange(len(text) + 1)
        length = chance.choice((0, 0, 1, 5, 200))
        new = chance.choice(("", "\t", "[", "{", "&a *a", "!!x ", "- ", "\n", "1e999", *HOSTILE))
        text = text[:at] + new + text[at + length :]
    return text


def as_json(value: Any) -> str:
    """JSON as Python writes it, with NaN and all."""
    return json.dumps(value)
