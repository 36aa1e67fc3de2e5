"""Numbers and the field's terms in plain words."""

from math import isfinite

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))

# AWS's own names for what a change sets.
SETTINGS = {
    "parallelization_factor": "ParallelizationFactor",
    "batch_size": "BatchSize",
    "batching_window_seconds": "MaximumBatchingWindowInSeconds",
    "bisect_on_error": "BisectBatchOnFunctionError",
    "maximum_retry_attempts": "MaximumRetryAttempts",
    "maximum_record_age_seconds": "MaximumRecordAgeInSeconds",
    "on_failure_destination": "OnFailure destination",
    "reserved_concurrency": "reserved concurrency",
    "shard_count": "shards",
    "shards": "shards",
    "retention_hours": "retention (hours)",
    "memory_mb": "memory (MB)",
    "reads_by": "who reads",
    "timeout_seconds": "timeout (seconds)",
    "enabled": "enabled",
}

# Options of a forecast that are no setting.
OPTIONS = {"nothing": "doing nothing", "split_shards": "more shards"}

# By strategy: what people call it, and what it does.
STRATEGIES = {
    "nothing": ("Nobody does anything", "The incident runs its course."),
    "double_shards": (
        "Double the shards",
        "What a common sample does on an alarm: twice the shards.",
    ),
    "utilisation_reshard": (
        "Reshard by utilisation",
        "Shards follow how full they are written, as scaling tools do.",
    ),
    "pf_10": (
        "ParallelizationFactor 10 at once",
        "Ten lanes a shard, whatever the cause.",
    ),
    "human_15_minutes": (
        "A person after 15 minutes",
        "The right lever, a quarter of an hour after the alarm.",
    ),
    "remediator": ("The remediator", "Diagnoses first, then pulls the lever that fits."),
    "oracle": (
        "With perfect knowledge",
        "The best levers that the plant allows, found by search: a bound, nobody can do this.",
    ),
}

# By cause: one sentence.
CAUSES = {
    "throttling": "The function was throttled: it was not given enough concurrency.",
    "poison_record": "A record failed whenever it was processed, and held up those behind it.",
    "read_contention": "Too many readers shared the stream's read limits.",
    "slow_consumer": "The function worked through its records more slowly than they arrived.",
    "hot_partition_key": "Few partition keys carried most records; more lanes do not help those.",
    "downstream_saturated": "What stands behind the function slowed down as it was pushed.",
    "function_failure": "The function itself failed, also on good records.",
    "consumer_stopped": "The consumer had been stopped: mapping disabled or reservation 0.",
    "recovering": "Nothing was wrong any more: the backlog was draining by itself.",
    "unknown": "The cause could not be told from what was seen.",
}


def duration(seconds: float | None) -> str:
    """Seconds as people say them, in at most two units: ``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None or not isfinite(seconds):
        return "never"
    sign, whole = ("−" if seconds < 0 else ""), round(abs(seconds))
    if 0 < abs(seconds) < 1:
        return f"{sign}{abs(seconds):.1f} s"
    coarse = next((n for n, (size, _) in enumerate(_UNITS) if whole >= size), len(_UNITS) - 1)
    parts: list[str] = []
    for size, unit in _UNITS[coarse : coarse + 2]:
        number, whole = divmod(whole, size)
        parts += [f"{number} {unit}"] if number else []
    return sign + (" ".join(parts) or "0 s")


def since_alarm(seconds: float) -> str:
    """A time on the clock that starts with the alarm."""
    if round(seconds) == 0:
        return "at the alarm"
    return f"{'+' if seconds > 0 else ''}{duration(seconds)}"


def count(value: float | None) -> str:
    """A number of things, short above ten thousand: ``8 200``, ``12 k``, ``1.4 M``."""
    if value is None:
        return "not seen"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (size if size != 1e4 else 1e3)
            return f"{scaled:.3g} {unit}"
    if value == int(value):
        return f"{int(value):,}".replace(",", "\u2009")
    return f"{value:.2g}" if abs(value) < 10 else f"{value:,.0f}".replace(",", "\u2009")


def setting(name: str) -> str:
    """A setting under AWS's own name."""
    return SETTINGS.get(name, name.replace("_", " "))


def option(name: str) -> str:
    """A forecast's option: ``parallelization_factor 4`` becomes ``ParallelizationFactor 4``."""
    if name in OPTIONS:
        return OPTIONS[name]
    kind, _, size = name.partition(" ")
    return f"{setting(kind)} {size}".strip()


def value(held: object) -> str:
    """What a setting holds; not set differs from 0."""
    if held is None:
        return "not set"
    if isinstance(held, bool):
        return "on" if held else "off"
    text = str(held)
    return text.rsplit(":", 1)[-1] if text.startswith("arn:") else text


def titled(name: str) -> str:
    """An identifier as a heading: ``slow_io_bound`` becomes ``Slow io bound``."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
