"""A discrete-event simulation of producer, stream, mapping, function, account and CloudWatch."""

from lab.plant.errors import AwsError
from lab.plant.knobs import Knobs
from lab.plant.specs import (
    AccountSpec,
    AlarmSpec,
    BackendSpec,
    Behaviour,
    DestinationSpec,
    DirectCalls,
    FunctionSpec,
    Keys,
    Ledger,
    MappingSettings,
    MappingSpec,
    NeighbourSpec,
    Outage,
    OutsideReaderSpec,
    ProducerSpec,
    RateOfTime,
    StreamSpec,
)
from lab.plant.world import World

__all__ = [
    "AccountSpec",
    "AlarmSpec",
    "AwsError",
    "BackendSpec",
    "Behaviour",
    "DestinationSpec",
    "DirectCalls",
    "FunctionSpec",
    "Keys",
    "Knobs",
    "Ledger",
    "MappingSettings",
    "MappingSpec",
    "NeighbourSpec",
    "Outage",
    "OutsideReaderSpec",
    "ProducerSpec",
    "RateOfTime",
    "StreamSpec",
    "World",
]
