"""The actuators: one that changes AWS, and one for plans, which can only look."""

import logging
from collections.abc import Callable, Mapping, Sequence

from remediator.aws.clients import Clients
from remediator.aws.writers import writers
from remediator.errors import PermanentError, RemediatorError, TemporaryError
from remediator.model import Resource, ResourceKind, Value

_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.INFO)  # Lambda's root logger stands at WARNING, and a change is always told

# Pauses before each look at a resource that settles: five looks, 15 s at most.
POLLS_AFTER_SECONDS = (0, 1, 2, 4, 8)

# A stream takes about half a minute for a shard, and the next one waits for it.
_PAUSES = {ResourceKind.HASH_RANGE: (*POLLS_AFTER_SECONDS, 15)}


# After a write that was throttled or got no answer.
_PAUSE_SECONDS = 2


class ReadOnlyActuator:
    """For plans: reads what is there and refuses every write (port: Actuator)."""

    def __init__(self, clients: Clients) -> None:
        self._writers = writers(clients)

    def read(self, resource: Resource, settings: Sequence[str]) -> Mapping[str, Value]:
        """The present values of some settings, in one call.

        Raises PermanentError for a setting that the resource does not have and as AWS answers,
        TemporaryError when it may work later.
        """
        present = self._writers[resource.kind].read(resource.id, settings)
        unknown = [setting for setting in settings if setting not in present]
        if unknown:
            raise PermanentError(f"{resource} has no {', '.join(unknown)}", code="OutOfRange")
        return {setting: present[setting] for setting in settings}

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:  # noqa: ARG002 - the port's
        """Raises PermanentError, always."""
        raise PermanentError(f"a plan changes nothing, so not {resource} either", code="ReadOnly")

    def settled(self, resource: Resource) -> bool:
        """Whether AWS is at an update now: an earlier write of ours, or somebody's. One look.

        Never raises: what cannot be seen has not settled.
        """
        try:
            return self._writers[resource.kind].settled(resource.id)
        except RemediatorError as error:
            _LOG.warning("cannot see whether %s has settled: %s", resource, error)
            return False


class AwsActuator(ReadOnlyActuator):
    """Writes to AWS, each resource's settings in one call (port: Actuator)."""

    def __init__(self, clients: Clients, sleep: Callable[[float], object]) -> None:
        super().__init__(clients)
        self._sleep = sleep

    def write(self, resource: Resource, values: Mapping[str, Value]) -> None:
        """Set all values of one resource in one call.

        A function, a stream and a range of hash keys take one setting at a time, as AWS does.
        Raises PermanentError (out of AWS's limits, denied, gone, refused) or TemporaryError
        (throttled, in use), the latter after a pause, so that it may be tried again; then nothing
        was changed, unless AWS did not answer at all.
        """
        try:
            self._writers[resource.kind].write(resource.id, values)
        except TemporaryError:
            self._sleep(_PAUSE_SECONDS)
            raise
        _LOG.info("changed %s", resource, extra={"settings": dict(values)})

    def settled(self, resource: Resource) -> bool:
        """Wait until AWS has finished, for 15 s at most (a reshard: 30 s). The polls are counted.

        Never raises: the write was accepted, and not to see its end does not take it back.
        """
        for pause in _PAUSES.get(resource.kind, POLLS_AFTER_SECONDS):
            if pause:
                self._sleep(pause)
            if super().settled(resource):
                return True
        return False
