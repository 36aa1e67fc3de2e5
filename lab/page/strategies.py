"""Who is who on the page: each strategy's letter, colour and dash, so that no one is only a hue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from string import ascii_uppercase

from lab.episode import Episode
from lab.page import words

_SLOTS = tuple(words.STRATEGIES)
_DASHES = ("2 5", "9 5", "10 4 2 4", "5 3", "16 5", "", "14 3 3 3 3 3", "1 4", "6 2", "3 3 9 3")


@dataclass(frozen=True, slots=True)
class Strategy:
    """One episode's looks. ``slot`` picks the colour in ``page.css``."""

    episode: Episode
    slot: int
    letter: str
    title: str
    subtitle: str

    @property
    def dash(self) -> str:
        """The line's ``stroke-dasharray``; empty is a solid line."""
        return _DASHES[self.slot]

    @property
    def ours(self) -> bool:
        """Whether this is the remediator, whose line is drawn thicker and on top."""
        return self.episode.strategy == "remediator"


def strategies(episodes: Sequence[Episode]) -> tuple[Strategy, ...]:
    """The episodes in their order. A known strategy looks the same on every page."""
    spare_slots = _spare(episodes)
    taken: set[str] = set()
    result: list[Strategy] = []
    used: set[int] = set()
    for episode in episodes:
        slot = _SLOTS.index(episode.strategy) if episode.strategy in _SLOTS else next(spare_slots)
        if slot in used:
            slot = next(spare_slots)
        used.add(slot)
        letter = _letter(episode.strategy, taken)
        taken.add(letter)
        result.append(Strategy(episode, slot, letter, *_names(episode)))
    return tuple(result)


def _spare(episodes: Sequence[Episode]) -> Iterator[int]:
    present = {_SLOTS.index(e.strategy) for e in episodes if e.strategy in _SLOTS}
    free = [slot for slot in reversed(range(len(_DASHES))) if slot not in present]
    return chain(free, iter(lambda: len(_DASHES) - 1, None))


def _letter(name: str, taken: set[str]) -> str:
    wished = chain(name[:1].upper(), ascii_uppercase, (str(n) for n in range(1, 100)))
    return next(letter for letter in wished if letter not in taken)


def _names(episode: Episode) -> tuple[str, str]:
    title, subtitle = words.STRATEGIES.get(episode.strategy, (words.titled(episode.strategy), ""))
    return (f"{title} ({episode.policy})" if episode.policy else title), subtitle
