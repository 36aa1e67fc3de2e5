"""Who calls, about what, since when."""

from datetime import datetime

from remediator import arns
from remediator.model.words import AlarmState, Mode, Record, SourceKind


class Watched(Record):
    """What an alarm or a person points at, before the mapping behind it is known.

    Exactly as named by the caller: a function (with alias or version), a mapping, a Kinesis
    stream or a DynamoDB table stream.
    """

    function: str | None = None
    qualifier: str | None = None
    event_source_mapping: str | None = None
    stream: str | None = None
    """A Kinesis stream's name, or the ARN of a Kinesis or DynamoDB stream."""

    def __str__(self) -> str:
        if self.event_source_mapping:
            return f"mapping {self.event_source_mapping}"
        if self.function:
            return f"function {self.function}" + (f":{self.qualifier}" if self.qualifier else "")
        return f"stream {self.stream}"


class Alarm(Record):
    """The CloudWatch alarm of an incident, as far as its event told."""

    name: str
    arn: str | None = None
    state: AlarmState
    previous_state: AlarmState | None = None
    reason: str = ""
    threshold: float | None = None
    """In the unit of the metric: milliseconds for IteratorAge."""
    late_after_seconds: float | None = None
    """The age from which its owner calls the consumer late; only of an alarm on an age alone."""


class Incident(Record):
    """One normalised episode: who calls, about what, since when."""

    incident_id: str
    at: datetime
    """When the alarm changed state, or when a person asked."""
    account_id: str | None = None
    region: str | None = None
    alarm: Alarm | None = None
    watched: Watched | None = None
    """``None`` while a composite alarm's children have still to be looked up."""
    child_alarms: tuple[str, ...] = ()
    """Names or ARNs of the alarms that a composite alarm was triggered by."""
    mode: Mode | None = None
    """The caller's wish. It can lower the policy's mode, never raise it (invariant 6)."""

    @property
    def recovered(self) -> bool:
        """Whether this is the news that the alarm went back to OK."""
        return self.alarm is not None and self.alarm.state is AlarmState.OK


class Target(Record):
    """The mapping that an incident is about, and what it joins."""

    function: str
    function_arn: str
    """As the mapping names it, with alias or version."""
    qualifier: str | None = None
    event_source_mapping: str
    source_arn: str
    """The stream's ARN, also where the mapping reads through a registered consumer."""
    consumer_arn: str | None = None
    kind: SourceKind
    stream: str
    """Kinesis: the stream's name. DynamoDB: the table's name."""

    @property
    def known_as(self) -> str:
        """The mapping by which incidents are kept: one that has taken over from another for us
        (enhanced fan-out takes a new mapping) goes on under the first one's UUID."""
        return arns.taken_over(self.consumer_arn) or self.event_source_mapping

    @property
    def account_id(self) -> str:
        """Account of the function, from its ARN."""
        arn = arns.parsed(self.function_arn)
        return arn.account_id if arn else ""

    @property
    def region(self) -> str:
        """Region of the function, from its ARN."""
        arn = arns.parsed(self.function_arn)
        return arn.region if arn else ""
