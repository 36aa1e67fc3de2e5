"""A reshard is everybody's who reads the stream."""

from remediator.model import Decision, Reader
from remediator.policy import Limits, Policy
from tests.changes import change
from tests.evidence import overloaded, slow_consumer
from tests.guarding import CALM, Words

WINDOWED = Reader(
    name="sums", shared_throughput=True, tumbling_window_seconds=60, parallelization_factor=1
)

WORDS: Words = {
    "one shard more than allowed": (
        change("shards", 1, 2),
        overloaded(),
        Policy(limits=Limits(shards=4)),
        CALM,
        Decision.BLOCK,
        "shard_limit",
    ),
    "another mapping of the stream has a tumbling window": (
        change("shards", 1, 2),
        slow_consumer().model_copy(update={"readers": (WINDOWED,)}),
        Policy(streams_of_ours=("*",)),
        CALM,
        Decision.BLOCK,
        "tumbling_window",
    ),
    "the policy does not say that the stream is ours alone": (
        change("shards", 1, 2),
        slow_consumer(),
        Policy(),
        CALM,
        Decision.APPROVE,
        "others_on_the_stream",
    ),
    "a merge, too, is everybody's": (
        change("shards", 2, 1),
        slow_consumer(),
        Policy(streams_of_ours=("bills-*",)),
        CALM,
        Decision.APPROVE,
        "others_on_the_stream",
    ),
    "the stream is ours alone": (
        change("shards", 1, 2),
        slow_consumer(),
        Policy(streams_of_ours=("or*",)),
        CALM,
        Decision.ALLOW,
        "policy",
    ),
}
