"""The tables drawn: what is drawn is what was handed in."""

from typing import NamedTuple

from remediator.decide.remedies.base import Pass, Remedy
from remediator.model import Cause, Detail, RemedyName
from remediator.render import tree


class End(NamedTuple):
    """An end of a tree made for this test."""

    cause: Cause
    detail: str = ""


class Asked(NamedTuple):
    """A question made for this test."""

    text: str
    yes: str | End
    no: str | End
    unseen: str | End


TREE = {
    "first": Asked('Is it "late"?', "second", End(Cause.RECOVERING), End(Cause.UNKNOWN)),
    "second": Asked("Is it slow?", End(Cause.SLOW_CONSUMER, "cpu_bound"), "first", "first"),
}
LEVER = Remedy(RemedyName.SPLIT_SHARDS, lambda _: Pass("never"), permissions=())


def held() -> None:
    """Nothing gets
    through."""


TABLES = tree.Tables(
    tree=TREE,
    first_aid=(LEVER,),
    remedies={Cause.SLOW_CONSUMER: (LEVER, LEVER), Cause.RECOVERING: (), Cause.UNKNOWN: ()},
    quiet={Cause.RECOVERING},
    guardrails={"no_way": held},
    teaches={Cause.CONSUMER_STOPPED: {"paused"}, Cause.DOWNSTREAM_SATURATED: frozenset(Detail)},
    outweighed={
        Cause.CONSUMER_STOPPED: ((Cause.SLOW_CONSUMER, "cpu_bound"),),
        Cause.DOWNSTREAM_SATURATED: ((Cause.SLOW_CONSUMER, ""),),
        Cause.HOT_PARTITION_KEY: ((Cause.SLOW_CONSUMER, ""),),
    },
)


def test_questions_are_numbered_and_point_to_each_other_or_to_a_cause() -> None:
    questions = tree.page(TABLES).sections[0].table
    assert questions is not None
    assert questions.rows == (
        ("1", 'Is it "late"?', "→ 2", "recovering", "unknown"),
        ("2", "Is it slow?", "slow consumer (cpu bound)", "→ 1", "→ 1"),
    )


def test_a_cause_without_a_lever_is_waited_for_or_calls_a_person() -> None:
    remedies = tree.page(TABLES).sections[1].table
    assert remedies is not None
    assert remedies.rows == (
        ("slow consumer", "split shards, then split shards"),
        ("recovering", "it is waited for"),
        ("unknown", "a person is called"),
        ("any, as first aid", "split shards"),
    )


def test_what_an_incident_has_learned_names_what_it_outweighs() -> None:
    ours = "what a change of ours did"
    assert tree.learned(TABLES).rows == (
        ("consumer stopped", f"the questions (paused), or {ours}", "slow consumer (cpu bound)"),
        ("downstream saturated", f"the questions, or {ours}", "slow consumer"),
        ("hot partition key", ours, "slow consumer"),
    )


def test_a_guardrail_says_what_it_holds_in_its_own_words() -> None:
    guardrails = tree.page(TABLES).sections[3].table
    assert guardrails is not None
    assert guardrails.rows == (("no way", "Nothing gets through."),)


def test_the_diagram_has_each_question_each_cause_once_and_each_answer() -> None:
    assert tree.mermaid(TREE) == (
        "flowchart TD\n"
        '    first{"Is it #quot;late#quot;?"}\n'
        '    second{"Is it slow?"}\n'
        '    cause_recovering(["recovering"])\n'
        '    cause_unknown(["unknown"])\n'
        '    cause_slow_consumer_cpu_bound(["slow consumer (cpu bound)"])\n'
        "    first -->|yes| second\n"
        "    first -->|no| cause_recovering\n"
        "    first -.->|unseen| cause_unknown\n"
        "    second -->|yes| cause_slow_consumer_cpu_bound\n"
        "    second -->|no| first\n"
        "    second -.->|unseen| first\n"
    )
