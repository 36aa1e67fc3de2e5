"""Partition keys: their hash keys (which shard) and their lane hashes (which sub-batch)."""

import zlib
from hashlib import md5
from itertools import accumulate
from random import Random

from lab.plant.specs import Keys

# Kinesis maps each partition key to 0 … 2^128-1 by MD5.
HASH_KEYS = 2**128


class KeyTable:
    """All keys that a stream has seen, numbered; columns, so that a record is one small int."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.hash_keys: list[int] = []
        self.lane_hashes: list[int] = []
        self.weights: list[int] = []
        self.aggregated = False

    def add(self, name: str, hash_key: int | None = None, weight: int = 1) -> int:
        """Number a key; an explicit hash key overrides MD5, weight is its user records."""
        digest = int.from_bytes(md5(name.encode(), usedforsecurity=False).digest(), "big")
        self.names.append(name)
        self.hash_keys.append(digest if hash_key is None else hash_key)
        self.lane_hashes.append(zlib.crc32(name.encode()))
        self.weights.append(weight)
        self.aggregated = self.aggregated or weight > 1
        return len(self.names) - 1


class KeySource:
    """Draws keys for one producer."""

    def __init__(self, keys: Keys, table: KeyTable, prefix: str, rng: Random) -> None:
        self._kind = keys.kind
        self._rng = rng
        self._hot_share = keys.hot_share
        self._next = 0
        self._ids = _enrol(keys, table, prefix)
        self._cumulative = list(
            accumulate(1 / (rank + 1) ** keys.exponent for rank in range(len(self._ids)))
        )

    def draw(self, count: int) -> list[int]:
        """The key ids of the next `count` records."""
        if self._kind == "zipf":
            return self._rng.choices(self._ids, cum_weights=self._cumulative, k=count)
        if self._kind == "sequential":
            return [self._step() for _ in range(count)]
        drawn = self._rng.choices(self._ids, k=count)
        if self._kind == "hot":
            hot, chance = self._ids[0], self._rng.random
            return [hot if chance() < self._hot_share else key for key in drawn]
        return drawn

    def _step(self) -> int:
        key = self._ids[self._next % len(self._ids)]
        self._next += 1
        return key


def _enrol(keys: Keys, table: KeyTable, prefix: str) -> list[int]:
    """Number a producer's population. KPL: one key "a", explicit hash keys over the whole range."""
    if keys.hashed_to < 1.0:
        low, high = int(keys.hashed_from * HASH_KEYS), int(keys.hashed_to * HASH_KEYS)
        step = (high - low) // keys.population
        return [table.add(f"{prefix}{n}", low + n * step) for n in range(keys.population)]
    if keys.kind != "aggregated":
        return [table.add(f"{prefix}{n}") for n in range(keys.population)]
    step = HASH_KEYS // keys.population
    weight = keys.records_per_aggregate
    return [table.add("a", n * step + step // 2, weight) for n in range(keys.population)]
