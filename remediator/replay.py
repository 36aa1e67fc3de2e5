"""Saved evidence in place of AWS: a plan offline is a plan with another sensor."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from remediator.errors import PermanentError
from remediator.model import Evidence, Resource, Target, Value, Watched
from remediator.ports import DescribedAlarm


class SavedSensor:
    """Reads nothing but one saved Evidence (port: Sensor)."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def describe_alarms(self, names: Sequence[str]) -> tuple[DescribedAlarm, ...]:  # noqa: ARG002 - the port's
        """None: alarms are not saved. A downstream alarm of the policy counts as unseen."""
        return ()

    def find_targets(self, watched: Watched, now: datetime) -> tuple[Target, ...]:  # noqa: ARG002 - the port's
        """The one that the evidence is about, whatever is asked for."""
        return (self._evidence.target,)

    def read(self, target: Target, now: datetime, window_seconds: int) -> Evidence:  # noqa: ARG002 - the port's
        """The saved evidence."""
        return self._evidence

    def destination_exists(self, arn: str) -> bool | None:  # noqa: ARG002 - the port's
        """``None``: it cannot be seen from here."""
        return None


class NoActuator:
    """Has no hands (port: Actuator)."""

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:  # noqa: ARG002 - the port's
        """Raises PermanentError, always."""
        raise PermanentError(f"offline: {resource} cannot be read", code="Offline")

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:  # noqa: ARG002 - the port's
        """Raises PermanentError, always."""
        raise PermanentError(f"offline: {resource} cannot be changed", code="Offline")

    def settled(self, resource: Resource) -> bool:  # noqa: ARG002 - the port's
        """Nothing was written, so nothing is to be waited for."""
        return True
