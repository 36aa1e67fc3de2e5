"""EventBridge Scheduler's calls."""

from typing import Any

from lab.bridge.schedules import Schedule
from lab.bridge.services.base import Aws, Operation, Params, page


def _arn(aws: Aws, schedule: Schedule) -> str:
    group, name = schedule.key
    return aws.arn("scheduler", f"schedule/{group}/{name}")


def create_schedule(aws: Aws, params: Params) -> dict[str, Any]:
    """CreateSchedule."""
    return {"ScheduleArn": _arn(aws, aws.schedules.create(params, aws.world.now()))}


def delete_schedule(aws: Aws, params: Params) -> dict[str, Any]:
    """DeleteSchedule."""
    aws.schedules.delete(params.get("GroupName", "default"), params["Name"])
    return {}


def get_schedule(aws: Aws, params: Params) -> dict[str, Any]:
    """GetSchedule."""
    schedule = aws.schedules.get(params.get("GroupName", "default"), params["Name"])
    request = {key: value for key, value in schedule.request.items() if key != "ClientToken"}
    return {
        "State": "ENABLED",
        "ScheduleExpressionTimezone": "UTC",
        "GroupName": "default",
        **request,
        "Arn": _arn(aws, schedule),
        "CreationDate": schedule.created_at,
        "LastModificationDate": schedule.created_at,
    }


def list_schedules(aws: Aws, params: Params) -> dict[str, Any]:
    """ListSchedules."""
    prefix = params.get("NamePrefix", "")
    found = [s for s in aws.schedules.all() if s.request["Name"].startswith(prefix)]
    shown, token = page(found, params.get("NextToken"), params.get("MaxResults", 100))
    return {"Schedules": [_summary(aws, schedule) for schedule in shown], "NextToken": token}


def _summary(aws: Aws, schedule: Schedule) -> dict[str, Any]:
    group, name = schedule.key
    return {
        "Arn": _arn(aws, schedule),
        "Name": name,
        "GroupName": group,
        "State": "ENABLED",
        "CreationDate": schedule.created_at,
        "LastModificationDate": schedule.created_at,
        "Target": {"Arn": schedule.request["Target"]["Arn"]},
    }


OPERATIONS: dict[str, Operation] = {
    "CreateSchedule": create_schedule,
    "DeleteSchedule": delete_schedule,
    "GetSchedule": get_schedule,
    "ListSchedules": list_schedules,
}
