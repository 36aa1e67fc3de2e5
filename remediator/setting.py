"""What a setting is: one row of the settings table, and how it is read off what was seen."""

from collections.abc import Callable
from typing import NamedTuple

from remediator.model import Evidence, Resource, ResourceKind, Value
from remediator.policy import Limits

# Where Evidence holds a resource's settings.
_RECORDS = {
    ResourceKind.EVENT_SOURCE_MAPPING: "mapping",
    ResourceKind.FUNCTION: "function",
    ResourceKind.STREAM: "stream",
}


class Api(NamedTuple):
    """AWS's own calls for a setting, by the SDK's names; each takes the resource as ``key``."""

    get: str
    put: str
    key: str
    proof: str | None = None
    """A field that every whole answer has; ``None``: all of them may be absent."""
    delete: str | None = None
    """The call for "not set", where that is no value."""


class TemplateNames(NamedTuple):
    """What a setting is called beside CloudFormation, and how CDK wraps its value.

    Sources: the Terraform AWS provider, the CDK's aws-lambda-event-sources.
    """

    terraform: str
    cdk: str
    wrapped: str = "{}"


class Setting(NamedTuple):
    """One row."""

    name: str
    """As changes, reports and the records of Evidence name it."""
    kind: ResourceKind
    field: str = ""
    """As AWS's calls and templates name it; dots lead into structures."""
    templates: TemplateNames | None = None
    """As other templates name it; ``None``: none can say it."""
    bounds: tuple[int, int] | None = None
    """Of a whole number, as AWS takes it."""
    default: Value = None
    """What it is where AWS shows nothing."""
    api: Api | None = None
    """``None``: what is written depends on what is there (``aws/stream_writers.py``)."""
    limit: Callable[[Limits, Evidence], int] | None = None
    """How far the policy lets it go."""
    concurrency: Callable[[Evidence], int | None] | None = None
    """Invocations at once that one unit more may bring. ``None``: it brings none, or not known."""
    draws_on_reservation: bool = False
    """Whether a function's own reservation pays for that, and not the account's pool."""
    never: tuple[int, ...] = ()
    """Values with which nothing happens, in name (beside ``bounds``) or in practice."""
    lossy: Callable[[Value, Value], bool] = lambda _, __: False
    """Whether records are given up by it, from one value to another, for as long as it stands."""
    captured_by: "Setting | None" = None
    """The setting that must hold something before this one may give records up (invariant 1)."""
    keeps_records: bool = False
    """Whether putting the old value back may lose records: first it is looked whether it would."""
    throughput: bool = False
    """Whether less of it gets less done in a lane, and it brings no lanes."""
    fine: bool = False
    """Whether lowering it by a little is worth a restart; else it goes back whole, or stays."""

    @property
    def restarts(self) -> bool:
        """Whether the mapping stands still for minutes after it. All in one call restarts once."""
        return self.kind in {ResourceKind.EVENT_SOURCE_MAPPING, ResourceKind.READER}

    @property
    def in_steps(self) -> bool:
        """Whether one change of it takes several writes, over several looks: then each look goes on
        from what is there."""
        return self.kind in {ResourceKind.READER, ResourceKind.ALIAS}

    @property
    def takes_over(self) -> bool:
        """Whether another mapping reads after it, from a position of its own."""
        return self.kind is ResourceKind.READER

    @property
    def one_by_one(self) -> bool:
        """Whether AWS takes one such change after another, over several looks."""
        return self.kind is ResourceKind.HASH_RANGE

    def resource(self, evidence: Evidence) -> Resource:
        """What holds it, of the pipeline that was read."""
        target = evidence.target
        names = {
            ResourceKind.EVENT_SOURCE_MAPPING: target.event_source_mapping,
            ResourceKind.FUNCTION: target.function,
            ResourceKind.STREAM: target.source_arn,
        }
        return Resource(kind=self.kind, id=names[self.kind])

    def seen(self, evidence: Evidence) -> bool:
        """Whether what holds it was read."""
        return getattr(evidence, _RECORDS[self.kind]) is not None

    def now(self, evidence: Evidence) -> Value:
        """What it holds, by what was read."""
        value: Value = getattr(getattr(evidence, _RECORDS[self.kind]), self.name, None)
        return value
