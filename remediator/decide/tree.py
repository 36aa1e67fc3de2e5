"""The decision tree: Evidence → Diagnosis. One table of questions, read from top to bottom.

Pure: the same Evidence gives the same Diagnosis. Each question names where ``yes``, ``no`` and
``unseen`` lead: to another question or to a cause. ``remediator tree`` and the picture in
docs/concepts.md are rendered from ``TREE``. Source: docs/concepts.md, causes; the order matters.
"""

from collections.abc import Mapping

from remediator.decide import (
    contention,
    deploying,
    ending,
    failing,
    flowing,
    halving,
    hanging,
    health,
    keys,
    meaning,
    running,
    saturation,
    silent,
    standing,
    throttling,
)
from remediator.decide.case import NO, UNSEEN, YES, Case, Leaf, Question
from remediator.evidence.signals import measure
from remediator.model import Cause, Detail, Diagnosis, Evidence, Gap, Step
from remediator.policy import Policy

TREE: Mapping[str, Question] = {
    "stopped_on_purpose": Question(
        "Did somebody stop it: mapping disabled, concurrency reserved at 0, function gone?",
        running.stopped_on_purpose,
        yes=Leaf(Cause.CONSUMER_STOPPED),
        no="settings_explain",
        unseen=Leaf(Cause.UNKNOWN),
    ),
    "settings_explain": Question(
        "Does a setting of the mapping change what the readings mean?",
        meaning.settings_explain,
        yes="cannot_be",
        no="cannot_be",
        unseen="cannot_be",
    ),
    "cannot_be": Question(
        "Do readings contradict each other?",
        meaning.cannot_be,
        yes="records_lost",
        no="records_lost",
        unseen="records_lost",
    ),
    "records_lost": Question(
        "Are records being lost right now?",
        meaning.records_lost,
        yes="fell_silent",
        no="fell_silent",
        unseen="fell_silent",
    ),
    "fell_silent": Question(
        "Do records wait although nothing is invoked and nothing throttled?",
        running.fell_silent,
        yes=Leaf(Cause.CONSUMER_STOPPED),
        no="throttled",
        unseen="throttled",
    ),
    "throttled": Question(
        "Are invocations throttled, minute after minute?",
        throttling.throttled,
        yes=Leaf(Cause.THROTTLING),
        no="failing",
        unseen="failing",
    ),
    "failing": Question(
        "Do invocations end in errors, minute after minute?",
        failing.failing,
        yes="everything_fails",
        no="stuck_in_silence",
        unseen="stuck_in_silence",
    ),
    "everything_fails": Question(
        "Does everything fail?",
        failing.everything_fails,
        yes="just_deployed",
        no="one_is_stuck",
        unseen="one_is_stuck",
    ),
    "one_is_stuck": Question(
        "Does the oldest record stand still while other batches succeed as usual?",
        standing.one_is_stuck,
        yes="own_records_succeed",
        no="times_out_here_and_there",
        unseen="times_out_here_and_there",
    ),
    "own_records_succeed": Question(
        "Is it shown that this mapping's own records succeed?",
        health.own_records_succeed,
        yes="stuck_in_timeouts",
        no="just_deployed",
        unseen="changed_just_then",
    ),
    "just_deployed": Question(
        "Was the function changed just before the errors began?",
        deploying.just_deployed,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.DEPLOY),
        no="times_out",
        unseen="times_out",
    ),
    "times_out": Question(
        "Do invocations run into the timeout?",
        failing.times_out,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS),
        no="split_already",
        unseen="split_already",
    ),
    "split_already": Question(
        "Are failed batches split already?",
        halving.split_already,
        yes="halves_succeed",
        no="one_shard",
        unseen="one_shard",
    ),
    "halves_succeed": Question(
        "Has anything succeeded since batches are split?",
        halving.halves_succeed,
        yes=Leaf(Cause.POISON_RECORD, Detail.ISOLATED),
        no="every_lane_fails",
        unseen="every_lane_fails",
    ),
    "every_lane_fails": Question(
        "Does every one of several lanes fail, so that it cannot be one record?",
        halving.every_lane_fails,
        yes="began_in_one_place",
        no="succeeds_now_and_then",
        unseen="succeeds_now_and_then",
    ),
    "one_shard": Question(
        "Is there only one shard, so that one record could fail every batch?",
        standing.one_shard,
        yes="succeeds_now_and_then",
        no="began_in_one_place",
        unseen=Leaf(Cause.UNKNOWN),
    ),
    "began_in_one_place": Question(
        "Did it fail in one place first, while others went on?",
        standing.began_in_one_place,
        yes="probes_are_over",
        no=Leaf(Cause.FUNCTION_FAILURE, Detail.EVERYWHERE),
        unseen=Leaf(Cause.FUNCTION_FAILURE, Detail.EVERYWHERE),
    ),
    "succeeds_now_and_then": Question(
        "Has anything succeeded since the errors began?",
        halving.succeeds_now_and_then,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.PARTIAL),
        no="probes_are_over",
        unseen="probes_are_over",
    ),
    "stuck_in_timeouts": Question(
        "Does what stands still run into the timeout, as good records may?",
        hanging.what_stands_times_out,
        yes="alone_by_now",
        no=Leaf(Cause.POISON_RECORD, Detail.ISOLATED),
        unseen=Leaf(Cause.POISON_RECORD, Detail.ISOLATED),
    ),
    "alone_by_now": Question(
        "Have batches been split for so long that the record must be alone by now?",
        halving.alone_by_now,
        yes=Leaf(Cause.POISON_RECORD, Detail.ISOLATED),
        no="good_ones_would_end",
        unseen="good_ones_would_end",
    ),
    "good_ones_would_end": Question(
        "Would a full batch of good records end in time, so that one record must hang?",
        halving.good_ones_would_end,
        yes=Leaf(Cause.POISON_RECORD, Detail.SUSPECTED),
        no=Leaf(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS),
        unseen=Leaf(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS),
    ),
    "times_out_here_and_there": Question(
        "Do the failing invocations run into the timeout?",
        failing.times_out,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS),
        no=Leaf(Cause.FUNCTION_FAILURE, Detail.PARTIAL),
        unseen=Leaf(Cause.FUNCTION_FAILURE, Detail.PARTIAL),
    ),
    "stuck_in_silence": Question(
        "Does the oldest record stand still behind partial batch responses?",
        silent.stuck_in_silence,
        yes="changed_in_silence",
        no="reads_contended",
        unseen="reads_contended",
    ),
    "changed_in_silence": Question(
        "Was the function changed just before that, so that nothing else need be asked?",
        deploying.just_deployed,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.DEPLOY),
        no="own_records_succeed_too",
        unseen="own_records_succeed_too",
    ),
    "own_records_succeed_too": Question(
        "Is it shown that this mapping's own records succeed, beside those reported as failed?",
        health.own_records_succeed,
        yes=Leaf(Cause.POISON_RECORD, Detail.PARTIAL_BATCHES),
        no="no_place_gets_on",
        unseen="no_place_gets_on",
    ),
    "changed_just_then": Question(
        "Was the function changed just before the oldest record stopped?",
        deploying.just_deployed,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.DEPLOY),
        no="as_good_ones_may",
        unseen="as_good_ones_may",
    ),
    "as_good_ones_may": Question(
        "Does what stands still run into the timeout, as a batch of good records may?",
        halving.times_out_as_good_ones_may,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.TIMEOUTS),
        no="no_place_gets_on",
        unseen="no_place_gets_on",
    ),
    "no_place_gets_on": Question(
        "Does no shard get on, so that it cannot be one record?",
        silent.no_place_gets_on,
        yes=Leaf(Cause.FUNCTION_FAILURE, Detail.EVERYWHERE),
        no="probes_are_over",
        unseen="probes_are_over",
    ),
    "probes_are_over": Question(
        "Have the steps that lose nothing been made, without deciding it?",
        halving.probes_are_over,
        yes=Leaf(Cause.POISON_RECORD, Detail.UNDECIDED),
        no=Leaf(Cause.POISON_RECORD, Detail.SUSPECTED),
        unseen=Leaf(Cause.POISON_RECORD, Detail.SUSPECTED),
    ),
    "reads_contended": Question(
        "Do readers of the stream take each other's read throughput?",
        contention.reads_contended,
        yes=Leaf(Cause.READ_CONTENTION),
        no="over_soon",
        unseen="over_soon",
    ),
    "over_soon": Question(
        "Will it be over soon without help?",
        ending.over_soon,
        yes=Leaf(Cause.RECOVERING),
        no="saturates_downstream",
        unseen="saturates_downstream",
    ),
    "saturates_downstream": Question(
        "Has the duration been rising with concurrency?",
        saturation.saturates_downstream,
        yes=Leaf(Cause.DOWNSTREAM_SATURATED),
        no="keys_limit",
        unseen="keys_limit",
    ),
    "keys_limit": Question(
        "Do lanes stand idle because there are too few partition keys?",
        keys.keys_limit,
        yes=Leaf(Cause.HOT_PARTITION_KEY),
        no="capacity_short",
        unseen="capacity_short",
    ),
    "capacity_short": Question(
        "Is the capacity too small: lanes always busy, or batches always full?",
        flowing.capacity_short,
        yes=Leaf(Cause.SLOW_CONSUMER),
        no="less_waits",
        unseen="less_waits",
    ),
    "less_waits": Question(
        "Does what waits become less, or is nothing late yet?",
        ending.less_waits,
        yes=Leaf(Cause.RECOVERING),
        no=Leaf(Cause.UNKNOWN),
        unseen=Leaf(Cause.UNKNOWN),
    ),
}
ROOT = next(iter(TREE))


def diagnose(evidence: Evidence, policy: Policy) -> Diagnosis:
    """As ``diagnosed``, the diagnosis alone."""
    return diagnosed(evidence, policy).diagnosis


def diagnosed(evidence: Evidence, policy: Policy) -> Case:
    """Measure, and walk the tree. Never raises for missing readings: they become gaps, or
    ``unknown``."""
    case = Case(evidence, measure(evidence, policy.thresholds), policy)
    steps: list[Step] = []
    here: str | Leaf = ROOT
    detail, proven = Detail.NONE, False
    while isinstance(here, str):
        question = TREE[here]
        finding = question.ask(case)
        steps.append(
            Step(
                id=here,
                question=question.text,
                answer=finding.answer,
                because=finding.because,
                readings=finding.readings,
            )
        )
        detail, proven = finding.detail, proven or finding.proves
        here = {YES: question.yes, NO: question.no, UNSEEN: question.unseen}[finding.answer]
    found = Diagnosis(
        cause=here.cause,
        path=tuple(steps),
        gaps=(*evidence.gaps, *_unanswered(steps)),
        detail=here.detail or detail,
        proven=proven and here in _SHOWN,
    )
    return case._replace(diagnosis=found)


# Ends at which the rest is known to be sound; what is only suspected is proven by nothing.
_SHOWN = {
    Leaf(Cause.POISON_RECORD, Detail.ISOLATED),
    Leaf(Cause.POISON_RECORD, Detail.PARTIAL_BATCHES),
}


def _unanswered(steps: list[Step]) -> tuple[Gap, ...]:
    return tuple(
        Gap(reading=step.id, reason=step.because) for step in steps if step.answer is UNSEEN
    )


__all__ = ["ROOT", "TREE", "Leaf", "Question", "diagnose", "diagnosed"]
