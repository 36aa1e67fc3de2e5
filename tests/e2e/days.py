"""The days that tests live through, and how they end."""

from lab.plant import Behaviour, FunctionSpec, Keys, MappingSettings, ProducerSpec
from lab.plant.rates import constant, steps
from tests.e2e.day import CONSUMER, STREAM, Day
from tests.e2e.ministack import MiniStack
from tests.e2e.operator import Operator

FACTOR = "ParallelizationFactor"
# So that what was changed is put back, which restarts the mapping once more.
A_RESTART_IS_NO_ALARM = {"IteratorAgeThresholdSeconds": "300"}
_MANY_KEYS = Keys(kind="uniform", population=4000)


def slow_day(aws: MiniStack, *, of_a_table: bool = False) -> Day:
    """Six records a second for twenty minutes, where one lane can do two."""
    return Day(
        aws,
        FunctionSpec(
            name=CONSUMER, behaviour=Behaviour(io_seconds_per_record=0.5, jitter_share=0.1)
        ),
        ProducerSpec(
            stream=STREAM,
            rate=steps([(0.0, 1.0), (1200.0, 6.0), (2400.0, 1.0)]),
            keys=_MANY_KEYS,
            spacing="poisson",
        ),
        MappingSettings(batch_size=10),
        of_a_table=of_a_table,
    )


def poisoned_day(aws: MiniStack) -> Day:
    """One record of the only shard cannot be processed; batches are gathered for a while."""
    return Day(
        aws,
        FunctionSpec(
            name=CONSUMER, behaviour=Behaviour(io_seconds_per_record=0.2, jitter_share=0.1)
        ),
        ProducerSpec(
            stream=STREAM,
            rate=constant(2.0),
            keys=_MANY_KEYS,
            spacing="poisson",
            poison_at_seconds=(1100.0,),
        ),
        MappingSettings(batch_size=50, batching_window_seconds=10),
    )


def alarmed(day: Day) -> Day:
    day.pass_until(lambda: day.alarm() == "ALARM", 30)
    return day


def nothing_is_left(operator: Operator, day: Day) -> bool:
    """Whether the only incident is over, and no change of its is in effect."""
    (incident,) = operator.asked("history", "--function", CONSUMER)
    states = {change["state"] for change in incident["changes"]}
    return incident["stage"] == "closed" and states == {"undone"} and day.failures() == []
