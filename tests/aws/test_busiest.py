"""Whom a reservation is taken from: the busiest functions by name, in one call."""

from remediator.aws.sensor import AwsSensor
from tests.aws.aws_world import NOW, World


def test_the_busiest_are_named_by_one_call_the_most_concurrent_first(aws: World) -> None:
    results = [
        {"Id": "busiest", "Label": "reports", "Values": [40.0, 90.0]},
        {"Id": "busiest", "Label": "invoices", "Values": [95.0]},
        {"Id": "busiest", "Label": "idle", "Values": []},
    ]
    aws.answer("cloudwatch:GetMetricData", {"MetricDataResults": results})
    found = AwsSensor(aws.clients).busiest(NOW)
    assert found is not None
    assert [(one.function, one.concurrency) for one in found] == [("invoices", 95), ("reports", 90)]
    assert aws.operations() == ["cloudwatch:GetMetricData"]
    (query,) = aws.params_of("cloudwatch:GetMetricData")["MetricDataQueries"]
    assert query["Expression"].endswith("GROUP BY FunctionName ORDER BY MAX() DESC LIMIT 6")


def test_what_cannot_be_seen_names_nobody(aws: World) -> None:
    aws.deny("cloudwatch:GetMetricData")
    assert AwsSensor(aws.clients).busiest(NOW) is None
