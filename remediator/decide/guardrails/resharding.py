"""Nobody else on the stream is harmed by a reshard (invariant 10); shards stay within limits."""

from remediator.decide.guardrails.inquiry import Inquiry, Word, approve, block
from remediator.settings_table import SHARDS, lowers


def within_the_limit(ask: Inquiry) -> Word:
    """Invariant 6: a split, too, stays within the limit of shards."""
    if ask.row is not SHARDS or lowers(ask.change):
        return None
    shards, most = ask.evidence.open_shards, ask.policy.limits.shards
    if shards is None or shards + ask.around.splits_beside + 1 > most:
        return block(f"{shards} shards, of which the policy allows {most}")
    return None


def no_window_is_cut(ask: Inquiry) -> Word:
    """A tumbling window of any mapping of the stream ends with its shard."""
    window = ask.evidence.tumbling
    if ask.row is not SHARDS or not window:
        return None
    return block(f"{window} uses tumbling windows, which do not support resharding")


def others_are_asked(ask: Inquiry) -> Word:
    """Invariant 10: a reshard is everybody's who reads or writes the stream, listed or not."""
    if ask.row is not SHARDS or ask.policy.is_ours_alone(ask.evidence.target.stream):
        return None
    return approve(
        "the policy does not say that the stream is ours alone (streams_of_ours): its other "
        "consumers see the shards, and aggregated (KPL) records may lose sub-records"
    )
