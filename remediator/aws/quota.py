"""The account's quota of concurrent executions: what it is, what is used of it, what was asked for.

Source: Service Quotas API Reference; Lambda Developer Guide, "Lambda quotas".
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors

_SERVICE, _CONCURRENCY = "lambda", "L-B99A9384"
_OPEN = frozenset({"PENDING", "CASE_OPENED"})
_DAYS, _HOUR = 14, 3600


class Quota(NamedTuple):
    """Concurrent executions. ``peak``: the most that was claimed in the last 14 days, ``None`` if
    that was not seen; ``asked``: what an open request wants, ``None`` if there is none."""

    value: int
    peak: int | None
    asked: int | None


class Quotas(NamedTuple):
    """Reads the quota, asks for more. Raises PermanentError or TemporaryError as AWS answers."""

    clients: Clients

    def concurrency(self, now: datetime) -> Quota:
        """As it is now."""
        with aws_errors("servicequotas"):
            found = self.clients.quotas.get_service_quota(
                ServiceCode=_SERVICE, QuotaCode=_CONCURRENCY
            )["Quota"]["Value"]
            pages = self.clients.quotas.get_paginator(
                "list_requested_service_quota_change_history_by_quota"
            ).paginate(ServiceCode=_SERVICE, QuotaCode=_CONCURRENCY)
            asked = [
                int(request["DesiredValue"])
                for page in pages
                for request in page["RequestedQuotas"]
                if request["Status"] in _OPEN
            ]
        return Quota(int(found), self._peak(now), max(asked, default=None))

    def request(self, value: int) -> None:
        """Ask AWS for this many. It takes hours to days; nothing here waits for it."""
        with aws_errors("servicequotas"):
            self.clients.quotas.request_service_quota_increase(
                ServiceCode=_SERVICE, QuotaCode=_CONCURRENCY, DesiredValue=float(value)
            )

    def _peak(self, now: datetime) -> int | None:
        with aws_errors("cloudwatch"):
            answer = self.clients.cloudwatch.get_metric_data(
                MetricDataQueries=[
                    {
                        "Id": "claimed",
                        "MetricStat": {
                            "Metric": {
                                "Namespace": "AWS/Lambda",
                                "MetricName": "ClaimedAccountConcurrency",
                                "Dimensions": [],
                            },
                            "Period": _HOUR,
                            "Stat": "Maximum",
                        },
                    }
                ],
                StartTime=now - timedelta(days=_DAYS),
                EndTime=now,
            )
        values = answer["MetricDataResults"][0]["Values"]
        return int(max(values)) if values else None
