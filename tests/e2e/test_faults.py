"""Incidents while AWS loses answers, throttles, denies, resets and cuts: all ends as it was."""

from tests.e2e.day import CONSUMER
from tests.e2e.days import A_RESTART_IS_NO_ALARM, FACTOR, alarmed, nothing_is_left, slow_day
from tests.e2e.faults import Faults, Rule
from tests.e2e.ministack import MiniStack
from tests.e2e.operator import Operator

# AWS has done what was asked, and nobody hears of it.
LOST: Rule = {"response": {"abort_bytes": 0}}
CUT: Rule = {"response": {"truncate_frac": 0.5}}
RESET: Rule = {"reset": True}
CHANGE = {"service": "lambda", "operation": "UpdateEventSourceMapping"}
SCHEDULE = {"service": "scheduler", "operation": "CreateSchedule"}
METRICS = {"service": "cloudwatch", "operation": "GetMetricData"}


def refused(code: str, status: int = 400) -> Rule:
    return {"error": {"code": code, "status": status}}


def a_slow_day_behind(proxy: Faults, aws: MiniStack, code: dict[str, bytes]) -> Operator:
    operator = Operator(aws, code, CONSUMER, **A_RESTART_IS_NO_ALARM)
    operator.send_through(proxy.url)
    return operator


def test_whatever_is_lost_throttled_reset_or_cut_the_change_is_made_once_and_put_back(
    aws: MiniStack, faults: Faults, code: dict[str, bytes]
) -> None:
    operator = a_slow_day_behind(faults, aws, code)
    day = slow_day(aws)
    day.minute()

    faults.inject(
        {**CHANGE, **LOST, "times": 1},
        {**SCHEDULE, **LOST, "times": 1},
        {**METRICS, **CUT, "times": 1},
        {"service": "dynamodb", **LOST, "times": 2},
        {"service": "kinesis", **CUT, "times": 1},
    )
    alarmed(day).pass_until(lambda: day.setting(FACTOR) > 1, 10)
    met = faults.fired()
    assert met >= {f"{one['service']}:{one['operation']}" for one in (CHANGE, SCHEDULE, METRICS)}

    faults.inject(
        {"service": "lambda", **refused("TooManyRequestsException", 429), "times": 2},
        {"service": "dynamodb", **refused("ProvisionedThroughputExceededException"), "times": 2},
        {"service": "cloudwatch", **refused("Throttling"), "times": 2},
        {"service": "kinesis", **RESET, "times": 1},
    )
    day.pass_until(lambda: day.alarm() == "OK", 10)
    assert day.setting(FACTOR) > 1

    faults.inject({**CHANGE, **LOST, "times": 1}, {"service": "dynamodb", **LOST, "times": 2})
    day.pass_until(lambda: day.setting(FACTOR) == 1, 30)
    day.pass_until(lambda: nothing_is_left(operator, day), 30)


def test_what_may_not_be_read_is_not_guessed_and_acted_upon_once_it_may(
    aws: MiniStack, faults: Faults, code: dict[str, bytes]
) -> None:
    operator = a_slow_day_behind(faults, aws, code)
    day = slow_day(aws)
    faults.inject({**METRICS, **refused("AccessDeniedException", 403)})

    alarmed(day)
    assert day.setting(FACTOR) == 1
    assert "cloudwatch:GetMetricData" in operator.told()[-1][1]

    faults.inject()
    day.pass_until(lambda: day.setting(FACTOR) > 1, 10)
