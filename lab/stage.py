"""A world on which a scenario is played: deployed, watched, and with levers that can be pulled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.bridge import Conditions, Function, Rehearsal
from lab.episode import Setting, SettingChange
from lab.plant import AwsError, World
from lab.plant.mapping import EventSourceMapping
from lab.recorder import Recorder, settings_of
from lab.scenarios import CONSUMER, MAPPING, OwnAlarm, Scenario

QUARANTINE = "REMEDIATOR_QUARANTINE_QUEUE_ARN"
_WORDS = {
    "ParallelizationFactor": "parallelization_factor",
    "BisectBatchOnFunctionError": "bisect_on_error",
    "MaximumRetryAttempts": "maximum_retry_attempts",
    "DestinationConfig": "on_failure_destination",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """What is pulled together; nothing by default."""

    factor: int | None = None
    reserved: int | None = None
    bisect: bool = False
    bounded: bool = False
    """Retries bounded, with a destination that captures what is given up: the mapping's own, where
    it has one."""
    double_shards: bool = False

    def __str__(self) -> str:
        words = {
            f"ParallelizationFactor {self.factor}": self.factor,
            f"reserved concurrency {self.reserved}": self.reserved,
            "bisect": self.bisect,
            "bounded retries": self.bounded,
            "twice the shards": self.double_shards,
        }
        return " + ".join(word for word, pulled in words.items() if pulled) or "nothing"


@dataclass
class Stage:
    """One world while it is played. ``by`` signs the changes that are made through it."""

    world: World
    by: str
    recorder: Recorder
    rehearsal: Rehearsal
    changes: list[SettingChange] = field(default_factory=list)
    alarms_of_others: frozenset[str] = frozenset()
    """Names of alarms that watch another function than the scenario is about."""

    @property
    def mapping(self) -> EventSourceMapping:
        """The mapping that the scenario is about."""
        return self.world.mappings[MAPPING]

    @property
    def stream_arn(self) -> str:
        """The watched stream."""
        return self.mapping.stream.arn

    @property
    def seconds(self) -> float:
        """Now, since the world's start."""
        return self.world.env.now

    def pull(self, levers: Levers) -> None:
        """Change what the levers say, as far as AWS lets one; what is refused is left."""
        update: dict[str, Any] = {}
        if levers.factor is not None:
            update["ParallelizationFactor"] = levers.factor
        if levers.bisect or levers.bounded:
            update["BisectBatchOnFunctionError"] = True
        if levers.bounded:
            update["MaximumRetryAttempts"] = 3
            own = self.mapping.settings.on_failure_destination  # somebody's, and stays
            arn = own or self.rehearsal.deployment.environ[QUARANTINE]
            update["DestinationConfig"] = {"OnFailure": {"Destination": arn}}
        if levers.reserved is not None:
            self.reserve(levers.reserved)
        if update:
            self.update_mapping(update)
        if levers.double_shards:
            self.scale_shards(2 * len(self.mapping.stream.open_shards()))

    def update_mapping(self, update: Mapping[str, Any]) -> None:
        """UpdateEventSourceMapping."""
        before = settings_of(self.world)
        try:
            self.world.update_event_source_mapping(MAPPING, dict(update))
        except AwsError:
            return
        for name, after in update.items():
            flat = after["OnFailure"]["Destination"] if isinstance(after, dict) else after
            self._note(_WORDS[name], before[_WORDS[name]], flat)

    def reserve(self, concurrency: int) -> None:
        """PutFunctionConcurrency."""
        before = self.world.functions[CONSUMER].reserved_concurrency
        try:
            self.world.put_function_concurrency(CONSUMER, concurrency)
        except AwsError:
            return
        self._note("reserved_concurrency", before, concurrency)

    def scale_shards(self, wanted: int) -> None:
        """UpdateShardCount; a DynamoDB stream has none."""
        before = len(self.mapping.stream.open_shards())
        try:
            self.world.update_shard_count(self.stream_arn, wanted)
        except AwsError:
            return
        self._note("shard_count", before, wanted)

    def _note(self, setting: str, before: Setting, after: Setting) -> None:
        change = SettingChange(
            at_seconds=self.seconds, setting=setting, before=before, after=after, by=self.by
        )
        self.changes.append(change)


def set_up(
    scenario: Scenario,
    seed: int,
    function: Function,
    *,
    by: str,
    policy: str | None = None,
    asks: bool = True,
) -> Stage:
    """A world with the stack deployed; ``function`` stands in the remediator's place, or is it.

    ``asks``: whether it asks AWS anything.
    """
    blueprint = scenario.blueprint(seed)
    world = blueprint.build(seed)
    managed = {"remediator": "managed"} if blueprint.tagged else {}
    tags = dict.fromkeys(world.streams, managed)
    rehearsal = Rehearsal(
        world,
        CONSUMER,
        {"Mode": "apply", **blueprint.parameters},
        policy,
        "sns" if blueprint.parameters.get("AlarmDelivery") == "sns" else "lambda",
        conditions=Conditions(
            latency_seconds=blueprint.latency_seconds,
            lambda_calls_of_others_per_second=blueprint.calls_of_others_per_second,
            tags=tags,
            seed=seed,
        ),
        function=function,
        asks=asks,
    )
    for alarm in blueprint.alarms:
        rehearsal.put_alarm(alarm.name, _properties(alarm, rehearsal.deployment.function_arn))
    recorder = Recorder(world, scenario.watch_from_seconds, blueprint.happenings)
    others = frozenset(alarm.name for alarm in blueprint.alarms if alarm.function != CONSUMER)
    return Stage(world, by, recorder, rehearsal, alarms_of_others=others)


def _properties(alarm: OwnAlarm, action: str) -> dict[str, Any]:
    return {
        "AlarmName": alarm.name,
        "Namespace": "AWS/Lambda",
        "MetricName": "IteratorAge",
        "Dimensions": [{"Name": "FunctionName", "Value": alarm.function}],
        "Statistic": "Maximum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1000 * alarm.threshold_seconds,
        "EvaluationPeriods": alarm.minutes,
        "DatapointsToAlarm": alarm.minutes,
        "TreatMissingData": "missing",
        "AlarmActions": [action],
    }
