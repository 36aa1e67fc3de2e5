"""A change of a setting of the pipeline that tests.evidence tells of."""

from typing import Any

from remediator.model import Change, RemedyName, Resource, ResourceKind
from tests.evidence import MAPPING, STREAM_ARN

PLACES = {
    "parallelization_factor": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "maximum_retry_attempts": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "batch_size": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "bisect_on_error": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "maximum_record_age_seconds": (ResourceKind.EVENT_SOURCE_MAPPING, MAPPING),
    "reserved_concurrency": (ResourceKind.FUNCTION, "orders"),
    "retention_hours": (ResourceKind.STREAM, STREAM_ARN),
    "shards": (ResourceKind.HASH_RANGE, f"{STREAM_ARN}#0-1"),
}
REMEDY_OF = {
    "batch_size": RemedyName.LOWER_BATCH_SIZE,
    "parallelization_factor": RemedyName.RAISE_PARALLELIZATION_FACTOR,
    "reserved_concurrency": RemedyName.RAISE_RESERVED_CONCURRENCY,
    "shards": RemedyName.SPLIT_SHARDS,
    "retention_hours": RemedyName.EXTEND_RETENTION,
}


def change(setting: str, before: Any, after: Any) -> Change:
    kind, name = PLACES[setting]
    return Change(
        remedy=REMEDY_OF.get(setting, RemedyName.ISOLATE_POISON),
        resource=Resource(kind=kind, id=name),
        setting=setting,
        before=before,
        after=after,
    )
