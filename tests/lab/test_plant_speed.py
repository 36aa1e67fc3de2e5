"""The plant is fast enough to rehearse hours in seconds, and its cost grows with the records."""

from time import process_time

from lab.benchmark import HOUR_SECONDS, RECORDS_PER_SECOND, hour


def cpu_seconds(records_per_second: float) -> float:
    world = hour(records_per_second)
    began = process_time()
    world.run_until(HOUR_SECONDS)
    return process_time() - began


def test_an_hour_of_a_hundred_records_a_second_takes_under_three_seconds() -> None:
    once = cpu_seconds(RECORDS_PER_SECOND)
    assert once < 3.0
    assert cpu_seconds(2 * RECORDS_PER_SECOND) < 2.6 * once
