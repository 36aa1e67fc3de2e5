"""Evidence → Diagnosis, by walking the tree. Pure: the same Evidence gives the same Diagnosis."""

from remediator.decide.case import NO, UNSEEN, YES, Case, Leaf
from remediator.decide.tree import ROOT, TREE
from remediator.evidence.signals import measure
from remediator.model import Cause, Detail, Diagnosis, Evidence, Gap, Step
from remediator.policy import Policy


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
