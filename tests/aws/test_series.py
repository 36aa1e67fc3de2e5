"""One GetMetricData: what is asked, and what is made of any answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediator.aws import series
from remediator.evidence.metrics import KINESIS_SHARD_METRICS, METRICS, Metric, Scope
from remediator.model import Gap, Shard, SourceKind, StreamState
from tests.aws.aws_world import NOW, kinesis_target

UUID = "11111111-2222-3333-4444-555555555555"
AIM = kinesis_target(UUID)
ASKED = series.queries(AIM)
MINUTE = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


def id_of(metric: Metric) -> str:
    return next(f"m{n}" for n, query in enumerate(ASKED) if query.metric is metric)


def result(
    metric: Metric, *values: float, status: str = "Complete", start: int = 0
) -> dict[str, Any]:
    return {
        "Id": id_of(metric),
        "StatusCode": status,
        "Timestamps": [MINUTE + timedelta(minutes=start + n) for n in range(len(values))],
        "Values": list(values),
    }


def answered(*pages: list[dict[str, Any]]) -> series.Answers:
    return series.answers(ASKED, [{"MetricDataResults": page} for page in pages])


def stream(*metrics: str) -> StreamState:
    return StreamState(name="orders", arn=AIM.source_arn, status="ACTIVE", shard_metrics=metrics)


def shards(count: int, *, is_open: bool = True) -> list[Shard]:
    return [Shard(shard_id=f"shard-{n}-{is_open}", is_open=is_open) for n in range(count)]


# --- what is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SourceKind)
def test_every_metric_of_a_stream_s_kind_is_asked_for(kind: SourceKind) -> None:
    aim = AIM.model_copy(update={"kind": kind, "consumer_arn": f"{AIM.source_arn}/consumer/c:1"})
    assert {query.metric for query in series.queries(aim)} == set(METRICS[kind])


def test_an_account_s_metrics_have_no_dimensions() -> None:
    of_account = [query for query in ASKED if query.source.scope is Scope.ACCOUNT]
    assert of_account
    assert all(query.dimensions == {} for query in of_account)


@pytest.mark.parametrize(
    ("turned_on", "asked"),
    [((), 0), (("IteratorAgeMilliseconds",), 2), (("ALL",), 2 * len(KINESIS_SHARD_METRICS))],
)
def test_shards_are_asked_for_what_is_turned_on(turned_on: tuple[str, ...], asked: int) -> None:
    queries = series.queries(AIM, stream(*turned_on), shards(2))
    assert sum(query.shard_id is not None for query in queries) == asked


def test_never_more_than_one_call_takes_and_open_shards_first() -> None:
    many = [*shards(90, is_open=False), *shards(90)]
    queries = series.queries(AIM, stream("ALL"), many)
    asked = {query.shard_id for query in queries if query.shard_id}
    assert len(queries) <= series.MOST_QUERIES
    assert {shard.shard_id for shard in many if shard.is_open} <= asked


def test_ids_and_statistics_are_as_aws_wants_them() -> None:
    request = series.as_request(ASKED)
    assert [one["Id"] for one in request] == [f"m{n}" for n in range(len(ASKED))]
    age = next(one for one in request if one["Id"] == id_of(Metric.ITERATOR_AGE_MS))
    assert age["MetricStat"] == {
        "Metric": {
            "Namespace": "AWS/Lambda",
            "MetricName": "IteratorAge",
            "Dimensions": [{"Name": "FunctionName", "Value": "consumer"}],
        },
        "Period": 60,
        "Stat": "Maximum",
    }


@pytest.mark.parametrize("second", [0, 1, 59])
def test_the_window_is_of_whole_minutes_that_are_over(second: int) -> None:
    start, end = series.window(NOW.replace(second=second, microsecond=7), 600)
    assert (start, end) == (
        NOW.replace(minute=0, second=0) - timedelta(minutes=10),
        NOW.replace(second=0),
    )


# --- what is answered --------------------------------------------------------------------------


def test_pages_are_put_together_oldest_first() -> None:
    found = answered(
        [result(Metric.ERRORS, 3, start=2)],
        [result(Metric.ERRORS, 1, 2), result(Metric.INVOCATIONS, 9)],
    )
    assert found.metrics[Metric.ERRORS].values == (1, 2, 3)
    assert found.metrics[Metric.INVOCATIONS].values == (9,)
    assert found.gaps == ()


def test_a_metric_without_datapoints_is_not_there() -> None:
    found = answered([result(Metric.ERRORS)])
    assert found.metrics == {}
    assert found.gaps == ()


@pytest.mark.parametrize(
    ("status", "permission"),
    [
        ("PartialData", None),
        ("InternalError", None),
        ("Forbidden", "cloudwatch:GetMetricData"),
        ("SomethingNew", None),
    ],
)
def test_a_series_that_is_not_whole_is_a_gap_and_not_a_silence(
    status: str, permission: str | None
) -> None:
    found = answered([result(Metric.ERRORS, 1, status=status), result(Metric.INVOCATIONS, 9)])
    assert set(found.metrics) == {Metric.INVOCATIONS}
    assert found.gaps == (
        Gap(reading="errors", reason=f"CloudWatch answered {status}", permission=permission),
    )


def test_a_series_that_a_later_page_completes_is_whole() -> None:
    found = answered(
        [result(Metric.ERRORS, 1, status="PartialData")], [result(Metric.ERRORS, 2, start=1)]
    )
    assert found.metrics[Metric.ERRORS].values == (1, 2)
    assert found.gaps == ()


@pytest.mark.parametrize("answer", [{}, {"MetricDataResults": None}, {"MetricDataResults": []}])
def test_an_empty_answer_is_no_crash(answer: dict[str, Any]) -> None:
    assert series.answers(ASKED, [answer]) == series.Answers({}, {}, ())
