"""What a person has changed in mid-incident stays theirs."""

from datetime import timedelta

from remediator.model import Decision
from remediator.policy import Cooldown, Policy
from remediator.state import Edit
from tests.changes import change
from tests.evidence import NOW, climbing, one_shard_fails, slow_consumer
from tests.guarding import CALM, FACTOR, FACTORS, Words, after, spent

HALVING = change("bisect_on_error", before=False, after=True)

WORDS: Words = {
    "a human changed the mapping in mid-incident": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(),
        CALM,
        Decision.BLOCK,
        "human_change",
    ),
    "a human changed it before the record came that is the oldest now, while others were late": (
        FACTOR,
        slow_consumer(
            iterator_age_ms=climbing(0.4, 14),
            stream_iterator_age_ms=0,
            mapping_last_modified=NOW - timedelta(minutes=7),
        ),
        Policy(),
        CALM,
        Decision.BLOCK,
        "human_change",
    ),
    "a human changed it before anything was late": (
        FACTOR,
        slow_consumer(
            iterator_age_ms=climbing(0.4, 5),
            stream_iterator_age_ms=0,
            mapping_last_modified=NOW - timedelta(minutes=7),
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "somebody changed the function while it fails, and what that does is not seen yet": (
        HALVING,
        one_shard_fails(function_last_modified=NOW - timedelta(minutes=1)),
        Policy(),
        CALM,
        Decision.BLOCK,
        "human_change",
    ),
    "somebody changed the function while it fails, and it fails on": (
        HALVING,
        one_shard_fails(function_last_modified=NOW - timedelta(minutes=7)),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "nothing in it differs from what we left": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(cooldown=Cooldown(raise_seconds=60)),
        after(spent(4, FACTORS), mapping_known=True),
        Decision.ALLOW,
        "policy",
    ),
    "somebody changed a value just after we did": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(cooldown=Cooldown(raise_seconds=60)),
        after(
            spent(5, FACTORS),
            mapping_known=True,
            edit=Edit(at=NOW - timedelta(minutes=4), what="batch_size"),
        ),
        Decision.BLOCK,
        "human_change",
    ),
    "a change near one of ours, and nothing to compare it with": (
        FACTOR,
        slow_consumer(mapping_last_modified=NOW - timedelta(minutes=4)),
        Policy(cooldown=Cooldown(raise_seconds=60)),
        after(spent(5, FACTORS)),
        Decision.BLOCK,
        "human_change",
    ),
    "what AWS itself did to the mapping is nobody's edit": (
        FACTOR,
        slow_consumer(
            mapping_last_modified=NOW - timedelta(minutes=4),
            state_transition_reason="Lambda initiated",
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
    "a mapping that was created in mid-incident was edited by nobody": (
        FACTOR,
        slow_consumer(
            mapping_last_modified=NOW - timedelta(minutes=8, seconds=30),
            state_transition_reason="User action",
            invocations=[60] * 8,
            duration_ms=[1000] * 8,
            iterator_age_ms=[60_000.0 * n for n in range(1, 9)],
            throttles=[0] * 8,
        ),
        Policy(),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
}
