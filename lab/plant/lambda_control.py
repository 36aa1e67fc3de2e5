"""Lambda's control plane: mappings, concurrency and configuration, with its checks and delays."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import simpy

from lab.plant import settings as mapping_settings
from lab.plant.errors import AwsError
from lab.plant.function import Function
from lab.plant.knobs import Knobs
from lab.plant.mapping import EventSourceMapping
from lab.plant.parts import Parts
from lab.plant.specs import AccountSpec, Behaviour, MappingSettings, MappingSpec

MEMORY_MB = (128, 10_240)
TIMEOUT_SECONDS = (1, 900)


class LambdaControl(Parts):
    """Requests and answers carry AWS's names; refusals are `AwsError`."""

    def __init__(self, start: datetime, account: AccountSpec, knobs: Knobs, seed: int) -> None:
        super().__init__(start, account, knobs, seed)
        self.mappings: dict[str, EventSourceMapping] = {}

    def find_mapping(self, uuid: str) -> EventSourceMapping:
        """A mapping by UUID.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        if uuid not in self.mappings:
            message = "The resource you requested does not exist."
            raise AwsError("ResourceNotFoundException", message, 404)
        return self.mappings[uuid]

    # Event source mappings

    def create_event_source_mapping(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateEventSourceMapping: Creating, and polling after the update gap.

        Raises:
            AwsError: ResourceConflictException for a second mapping of the same source and
                function; InvalidParameterValueException; ResourceNotFoundException.
        """
        arn = request["EventSourceArn"]
        function, qualifier = self.find_function(request["FunctionName"])
        stream, _ = self.find_source(arn)
        position = request.get("StartingPosition", "TRIM_HORIZON")
        if stream.is_dynamodb and position == "AT_TIMESTAMP":
            message = "Unsupported starting position for arn type: " + arn
            raise AwsError("InvalidParameterValueException", message)
        settings = mapping_settings.changed(MappingSettings(), request)
        self.check_destination(function, settings.on_failure_destination)
        spec = MappingSpec(
            function=function.name,
            source_arn=arn,
            qualifier=qualifier,
            settings=settings,
            starting_position=position,
            starting_at_seconds=self._timestamp(request.get("StartingPositionTimestamp")),
            enabled=request.get("Enabled", True),
        )
        mapping = self._new_mapping(spec)
        mapping.create()
        return mapping.describe()

    def update_event_source_mapping(self, uuid: str, changes: dict[str, Any]) -> dict[str, Any]:
        """UpdateEventSourceMapping: Updating; polling pauses for the update gap.

        Raises:
            AwsError: ResourceNotFoundException, ResourceInUseException (400) during another
                transition, InvalidParameterValueException.
        """
        return self.find_mapping(uuid).update(changes)

    def delete_event_source_mapping(self, uuid: str) -> dict[str, Any]:
        """DeleteEventSourceMapping.

        Raises:
            AwsError: ResourceNotFoundException, ResourceInUseException.
        """
        return self.find_mapping(uuid).delete()

    # Functions

    def put_function_concurrency(self, name: str, n: int) -> None:
        """PutFunctionConcurrency, at once; 0 stops the function. A neighbour can be named too.

        Raises:
            AwsError: ResourceNotFoundException; InvalidParameterValueException where the
                unreserved pool would fall below the account's minimum (100).
        """
        holder = self.neighbours.get(name) or self.find_function(name)[0]
        if n < 0:
            raise AwsError("InvalidParameterValueException", "Reserved concurrency is negative.")
        if not self.account.may_reserve(holder, n):
            message = (
                "Specified ReservedConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{self.account.spec.minimum_unreserved}]."
            )
            raise AwsError("InvalidParameterValueException", message)
        holder.reserved_concurrency = n

    def delete_function_concurrency(self, name: str) -> None:
        """DeleteFunctionConcurrency: back to the shared pool.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        holder = self.neighbours.get(name) or self.find_function(name)[0]
        holder.reserved_concurrency = None

    def update_function_configuration(
        self, name: str, *, memory_mb: int | None = None, timeout_seconds: int | None = None
    ) -> dict[str, Any]:
        """UpdateFunctionConfiguration: InProgress for a while, then new environments.

        Raises:
            AwsError: ResourceConflictException (409) while an update runs,
                InvalidParameterValueException, ResourceNotFoundException.
        """
        function, _ = self.find_function(name)
        if function.last_update_status == "InProgress":
            message = (
                "The operation cannot be performed at this time. An update is in progress for "
                f"resource: {function.arn}"
            )
            raise AwsError("ResourceConflictException", message, 409)
        memory = _within("MemorySize", memory_mb or function.memory_mb, MEMORY_MB)
        timeout = _within("Timeout", timeout_seconds or function.timeout_seconds, TIMEOUT_SECONDS)
        function.last_update_status = "InProgress"

        def apply(_event: simpy.Event) -> None:
            function.memory_mb, function.timeout_seconds = memory, timeout
            function.last_update_status = "Successful"
            function.recycle(self.env.now)

        self.after(self.knobs.function_update_seconds, apply)
        asked = {"MemorySize": memory, "Timeout": timeout}
        return function.configuration() | asked

    def deploy_function(self, name: str, behaviour: Behaviour) -> None:
        """New code, as a CI deploy would put it: LastModified moves, environments are new.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        function: Function = self.find_function(name)[0]
        function.deploy(behaviour, self.env.now)

    def _new_mapping(self, spec: MappingSpec) -> EventSourceMapping:
        stream, consumer = self.find_source(spec.source_arn)
        for other in self.mappings.values():
            same = (other.spec.source_arn, other.function.name, other.qualifier)
            if same == (spec.source_arn, spec.function, spec.qualifier):
                message = (
                    f"The event source arn ({spec.source_arn}) and function ({spec.function}) "
                    "provided mapping already exists. Please update or delete the existing "
                    f"mapping with UUID {other.uuid}"
                )
                raise AwsError("ResourceConflictException", message, 409)
        uuid = spec.uuid or str(UUID(int=self._uuids.getrandbits(128), version=4))
        spec = replace(spec, uuid=uuid)
        self.mappings[uuid] = mapping = EventSourceMapping(
            self, spec, uuid, stream, consumer, self.mappings.pop
        )
        return mapping

    def _timestamp(self, when: datetime | float | None) -> float | None:
        if when is None:
            return None
        seconds = when.timestamp() if isinstance(when, datetime) else when
        return seconds - self.start.timestamp()


def _within(name: str, value: int, limits: tuple[int, int]) -> int:
    if not limits[0] <= value <= limits[1]:
        message = f"Value {value} for {name} is outside {limits[0]}-{limits[1]}"
        raise AwsError("InvalidParameterValueException", message)
    return value
