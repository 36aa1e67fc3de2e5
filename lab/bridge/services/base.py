"""What the services of the lab stand on, and the small things that they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lab.bridge.alarms import Alarms
from lab.bridge.schedules import Schedules
from lab.plant import AwsError, World

T = TypeVar("T")
Params = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Aws:
    """One account: the plant, alarms, schedules, and the tags that people gave, by ARN."""

    world: World
    alarms: Alarms
    schedules: Schedules
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    log_alarms: dict[str, str] = field(default_factory=dict)
    """State by name, of alarms on what Logs Insights finds."""
    metric_page_datapoints: int = 100_800
    """How many datapoints one page of GetMetricData holds at most (AWS: 100,800)."""

    def arn(self, service: str, resource: str) -> str:
        """An ARN of this account and Region."""
        spec = self.world.account.spec
        return f"arn:aws:{service}:{spec.region}:{spec.account_id}:{resource}"


# ``None``: it is not the plant's; moto is asked.
Operation = Callable[[Aws, Params], dict[str, Any] | None]


def page(items: Sequence[T], token: str | None, size: int) -> tuple[list[T], str | None]:
    """One page and the token of the next. Raises AwsError for a token that was never given out."""
    if token is not None and not token.isdecimal():
        raise AwsError("InvalidNextToken", "The token is not valid")
    start = int(token or 0)
    rest = start + size < len(items)
    return list(items[start : start + size]), str(start + size) if rest else None
