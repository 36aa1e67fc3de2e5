"""``python -m lab.storm``: 1,000 alarms in one minute, and what became of the account."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace

from lab.storm.fleet import CONCURRENCY_LIMIT, NEIGHBOURS_IN_USE
from lab.storm.playing import (
    LAMBDA_CONTROL_PER_SECOND,
    NO_BUDGET,
    SHIPPED_BUDGET,
    Figures,
    Storm,
    play,
)

STORMS = (
    ("with the policy's budget", Storm(budget=SHIPPED_BUDGET)),
    ("with no budget, so that concurrency alone bounds it", Storm(budget=NO_BUDGET)),
    ("two stacks that share a journal, with the policy's budget", Storm(stacks=2)),
    ("two stacks that share a journal, with no budget", Storm(stacks=2, budget=NO_BUDGET)),
)


def lines(figures: Figures) -> Iterator[str]:
    """The figures, a line each."""
    storm, firsts = figures.storm, figures.first_turns
    apart = figures.closest_changes_seconds
    yield f"  first turns                    {len(firsts)} of {storm.alarms} incidents"
    yield f"  duplicate deliveries           {len(figures.delivered_again)}, none acted on"
    yield (
        f"  looks that had given way       {len(figures.looked_for_nothing)}, "
        f"{figures.cost(figures.looked_for_nothing):.1f} requests each"
    )
    yield f"  last incident looked at        {figures.answered_after_seconds:.0f} s after the first"
    yield f"  mappings changed               {len(figures.changes)}"
    yield f"  most changes of one mapping    {max(figures.changes.values(), default=0)}" + (
        f", {apart:.0f} s apart at least" if apart is not None else ""
    )
    yield (
        f"  concurrency free at the worst  {figures.least_free}; "
        f"{figures.must_stay_free} must stay free"
    )
    yield (
        f"  Lambda control plane, peak     {figures.lambda_peak} requests in one second; "
        f"{LAMBDA_CONTROL_PER_SECOND} are allowed"
    )
    yield (
        f"  requests a first turn          {figures.cost(firsts[:100]):.1f} of the first hundred, "
        f"{figures.cost(firsts[-100:]):.1f} of the last"
    )
    for status in sorted({turn.status for turn in firsts}):
        first, last = figures.same_kind(status)
        name = f"  - that end as {status}"
        count = sum(turn.status is status for turn in firsts)
        yield f"{name:33}{first:.1f} of the first hundred, {last:.1f} of the last ({count} turns)"


def main(alarms: int = 1000) -> None:
    """Print every storm."""
    logging.disable(logging.CRITICAL)
    sys.stdout.write(
        f"{alarms} alarms in one simulated minute; {CONCURRENCY_LIMIT} concurrency, "
        f"{NEIGHBOURS_IN_USE} of it used by neighbours.\n"
        "Real runbook, sensor, actuator, scheduler, notifier and SDK. The journal's table is in "
        "memory: moto's\nDynamoDB copies its table for each transaction; what it would ask is "
        "counted.\n"
    )
    for name, storm in STORMS:
        figures = play(replace(storm, alarms=alarms))
        sys.stdout.write("\n".join(("", name, *lines(figures), "")))
        sys.stdout.flush()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
