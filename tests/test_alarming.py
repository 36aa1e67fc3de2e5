"""Thresholds from a function's own history, and which alarms are made, changed and removed."""

import pytest

from remediator.alarming import PREFIX, Consumer, Verb, removals, steps, threshold

HOUR = 3600
LATE = 60


@pytest.mark.parametrize(
    ("consumer", "seconds", "because"),
    [
        pytest.param(Consumer("f"), 60, "the policy calls late", id="nothing is known"),
        pytest.param(
            Consumer("f", window_seconds=300), 360, "batching window of 300 s", id="it waits"
        ),
        pytest.param(
            Consumer("f", 0, 24 * HOUR, (400.0,) * 20),
            800,
            "twice its usual worst age of 400 s",
            id="it is slow every hour",
        ),
        pytest.param(
            Consumer("f", 0, 24 * HOUR, (5.0,) * 330 + (9000.0,) * 6),
            60,
            "the policy calls late",
            id="an incident of six hours is not usual",
        ),
        pytest.param(
            Consumer("f", 0, 24 * HOUR, (20_000.0,) * 20),
            6 * HOUR,
            "a quarter of the 24 h retention",
            id="records would expire before",
        ),
    ],
)
def test_the_threshold_stands_above_what_is_usual_and_below_the_retention(
    consumer: Consumer, seconds: int, because: str
) -> None:
    chosen, why = threshold(consumer, LATE)
    assert chosen == seconds
    assert because in why


def test_what_is_as_it_should_be_is_kept_and_only_what_a_pattern_names_is_touched() -> None:
    consumers = [
        Consumer("orders-new"),
        Consumer("orders-old"),
        Consumer("orders-off"),
        Consumer("x"),
    ]
    existing = {PREFIX + "orders-old": 60, PREFIX + "orders-off": 7, PREFIX + "x": 7}
    found = {each.function: each.verb for each in steps(consumers, existing, ["orders-*"], LATE)}
    assert found == {
        "orders-new": Verb.CREATE,
        "orders-old": Verb.KEEP,
        "orders-off": Verb.CHANGE,
    }


def test_the_alarm_of_a_function_that_no_stream_feeds_any_more_is_removed() -> None:
    [step] = steps([], {PREFIX + "gone": 60}, ["*"], LATE)
    assert (step.verb, step.function) == (Verb.REMOVE, "gone")


def test_an_alarm_that_no_pattern_names_is_left_alone_even_then() -> None:
    assert steps([], {PREFIX + "gone": 60}, ["orders-*"], LATE) == ()


def test_removing_takes_the_named_ones_only() -> None:
    existing = {PREFIX + "orders": 60, PREFIX + "payments": 60}
    assert [each.function for each in removals(existing, ["pay*"])] == ["payments"]
