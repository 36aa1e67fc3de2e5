"""The metric math that the template's early warning uses."""

from datetime import UTC, datetime, timedelta

import pytest

from lab.bridge.metric_math import Series, evaluate
from tests.test_template import properties

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
(SLOPE,) = (
    metric["Expression"]
    for metric in properties("EarlyWarningAlarm")["Metrics"]
    if "Expression" in metric
)


def minutes(*values: float | None) -> Series:
    """One value a minute; None is a missing datapoint."""
    return {
        START + timedelta(minutes=i): value for i, value in enumerate(values) if value is not None
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("age / 1000", minutes(1, 7, None, 67), id="a number reaches every datapoint"),
        pytest.param("age + other", minutes(2000, None, None, 67001), id="only where both are"),
        pytest.param("RATE(age)", minutes(None, 100, None, 500), id="a rate has no first"),
        pytest.param("age > 5000", minutes(0, 1, None, 1), id="a comparison is 0 or 1"),
        pytest.param("IF(age > 5000, age, 0)", minutes(0, 7000, None, 67000), id="a choice"),
        pytest.param(
            "FILL(age, LINEAR)", minutes(1000, 7000, 37000, 67000), id="a gap lies between"
        ),
        pytest.param(SLOPE, minutes(0, 0.1, 0.5, 0.5), id="seconds of age gained in a second"),
    ],
)
def test_an_expression_over_late_and_missing_datapoints(expression: str, expected: Series) -> None:
    series = {"age": minutes(1000, 7000, None, 67000), "other": minutes(1000, None, None, 1)}
    assert evaluate(expression, series) == pytest.approx(expected)


@pytest.mark.parametrize(
    "expression", ["SEARCH('x', 'Sum', 60)", "1 + 1", "RATE(5)", "FILL(age, 0)", "age.year"]
)
def test_what_is_left_out_is_said_loudly(expression: str) -> None:
    with pytest.raises(NotImplementedError):
        evaluate(expression, {"age": minutes(1)})
