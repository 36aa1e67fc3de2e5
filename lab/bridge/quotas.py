"""How often AWS lets its control planes be called, in simulated time.

Sources: the quotas pages of each service, such as
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html#api-requests and
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lab.plant import AwsError


@dataclass(frozen=True, slots=True)
class Quota:
    """``per_second`` calls of all that share ``bucket``; ``key``: a bucket for each stream."""

    bucket: str
    per_second: float
    key: str | None = None
    error: str = "ThrottlingException"
    status: int = 400


_KINESIS = "LimitExceededException"
_LAMBDA_CONTROL = Quota("lambda:control", 15, error="TooManyRequestsException", status=429)

# By ``service:operation``. All other Lambda calls share one bucket: 15 a second, not raisable.
QUOTAS = {
    "lambda:GetFunction": Quota("lambda:GetFunction", 100, None, "TooManyRequestsException", 429),
    "kinesis:DescribeStreamSummary": Quota("kinesis:summary", 20, error=_KINESIS),
    "kinesis:DescribeStream": Quota("kinesis:describe", 10, error=_KINESIS),
    "kinesis:DescribeLimits": Quota("kinesis:limits", 1, error=_KINESIS),
    "kinesis:ListShards": Quota("kinesis:shards", 1000, "stream", _KINESIS),
    "kinesis:ListStreamConsumers": Quota("kinesis:consumers", 5, "stream", _KINESIS),
    "kinesis:DescribeStreamConsumer": Quota("kinesis:consumer", 20, "stream", _KINESIS),
    "kinesis:SplitShard": Quota("kinesis:split", 5, error=_KINESIS),
    "kinesis:MergeShards": Quota("kinesis:merge", 5, error=_KINESIS),
    "kinesis:UpdateShardCount": Quota("kinesis:count", 10, error=_KINESIS),
    "kinesis:IncreaseStreamRetentionPeriod": Quota("kinesis:longer", 5, "stream", _KINESIS),
    "kinesis:DecreaseStreamRetentionPeriod": Quota("kinesis:shorter", 5, "stream", _KINESIS),
    "dynamodbstreams:DescribeStream": Quota("ddbstreams:describe", 10),
    "cloudwatch:GetMetricData": Quota("cloudwatch:data", 500),
    "cloudwatch:DescribeAlarms": Quota("cloudwatch:alarms", 9),
    "scheduler:CreateSchedule": Quota("scheduler:create", 250, error="ThrottlingException"),
}


class Buckets:
    """Token buckets that hold one second's worth. ``lambda_calls_of_others`` is what CI takes."""

    def __init__(self, lambda_calls_of_others_per_second: float = 0.0) -> None:
        self._taken = lambda_calls_of_others_per_second
        self._tokens: dict[str, tuple[float, datetime]] = {}

    def take(self, service: str, operation: str, params: dict[str, Any], now: datetime) -> None:
        """Raises AwsError, the service's throttling error, when the bucket is empty."""
        quota = QUOTAS.get(f"{service}:{operation}")
        if quota is None and service == "lambda":
            quota = _LAMBDA_CONTROL
        if quota is None:
            return
        name = quota.bucket + (_stream(params) if quota.key else "")
        rate = quota.per_second - (self._taken if quota is _LAMBDA_CONTROL else 0.0)
        tokens, since = self._tokens.get(name, (rate, now))
        tokens = min(rate, tokens + rate * (now - since).total_seconds())
        if tokens < 1:
            raise AwsError(quota.error, "Rate exceeded", quota.status)
        self._tokens[name] = (tokens - 1, now)


def _stream(params: dict[str, Any]) -> str:
    return str(params.get("StreamARN") or params.get("StreamName") or "")
