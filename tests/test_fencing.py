"""Invariant 7: with any interleaving of holders and clocks, only the lease's present holder writes.

Two invocations, each with a clock of its own that may run ahead of the other's, take, renew, give
back and lose the lease of one mapping. What may be written is judged by the tokens that were
given out and by the times that they were given for, not by what the journal says of itself.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.memory_table import memory_journal
from remediator.errors import ConflictError
from remediator.ports import Journal
from remediator.state import Lease
from tests.aws.journal_table import dynamo_journal
from tests.histories import NOW, entry, state

HOLDERS = ("first", "second")
AHEAD = {"first": timedelta(0), "second": timedelta(seconds=7)}
Deed = Literal["acquire", "renew", "release", "commit"]


@dataclass(frozen=True)
class Step:
    """Some seconds go by, then one holder does something with the lease it last had."""

    seconds: int
    holder: str
    deed: Deed
    lasting: int


@dataclass
class Story:
    """What came of a history."""

    granted: list[Lease] = field(default_factory=list)
    in_hand: dict[str, Lease] = field(default_factory=dict)
    until: dict[int, datetime] = field(default_factory=dict)
    written: list[int] = field(default_factory=list)
    """The token under which each commit was made, in order."""


STEPS = st.lists(
    st.builds(
        Step,
        seconds=st.sampled_from([0, 1, 5, 29, 30, 31]),
        holder=st.sampled_from(HOLDERS),
        deed=st.sampled_from(["acquire", "acquire", "commit", "commit", "renew", "release"]),
        lasting=st.sampled_from([1, 30, 60]),
    ),
    max_size=30,
)


def play(journal: Journal, steps: Sequence[Step]) -> Story:
    """Live through the steps; every commit that is made is checked when it is made."""
    story, true_time = Story(), NOW
    journal.begin(state(mapping="mapping-1"))
    for step in steps:
        true_time += timedelta(seconds=step.seconds)
        now = true_time + AHEAD[step.holder]
        try:
            do(journal, story, step, now)
        except ConflictError:
            continue
    return story


def do(journal: Journal, story: Story, step: Step, now: datetime) -> None:
    if step.deed == "acquire":
        lease = journal.acquire("mapping-1", step.holder, now, step.lasting)
        if lease:
            keep(story, lease)
            story.granted.append(lease)
    elif step.holder in story.in_hand:
        use(journal, story, step, now)


def use(journal: Journal, story: Story, step: Step, now: datetime) -> None:
    lease = story.in_hand[step.holder]
    if step.deed == "renew":
        keep(story, journal.renew(lease, now, step.lasting))
    elif step.deed == "release":
        journal.release(lease)
        story.until[lease.token] = min(story.until[lease.token], NOW)
    else:
        present = journal.load("incident-1")
        assert present is not None
        journal.commit(present, [entry(token=lease.token)], lease, now)
        assert lease.token == story.granted[-1].token, "a lost lease's holder wrote"
        assert now < story.until[lease.token], "an expired lease's holder wrote"
        story.written.append(lease.token)


def keep(story: Story, lease: Lease) -> None:
    story.in_hand[lease.holder] = lease
    story.until[lease.token] = lease.expires_at


def check(journal: Journal, steps: Sequence[Step]) -> None:
    story = play(journal, steps)
    tokens = [lease.token for lease in story.granted]
    assert all(earlier < later for earlier, later in pairwise(tokens))
    assert all(earlier <= later for earlier, later in pairwise(story.written))
    told = [found.data["token"] for found in journal.entries("incident-1")[1:]]
    assert told == story.written


@given(STEPS)
@settings(max_examples=400, deadline=None)
def test_only_the_present_holder_writes_to_the_journal_in_memory(steps: list[Step]) -> None:
    check(memory_journal(), steps)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_only_the_present_holder_writes_to_the_journal_on_dynamodb(steps: list[Step]) -> None:
    with dynamo_journal() as journal:
        check(journal, steps)


@pytest.mark.long
@given(STEPS)
@settings(max_examples=10_000, deadline=None)
def test_only_the_present_holder_writes_in_ten_thousand_histories(steps: list[Step]) -> None:
    check(memory_journal(), steps)


@pytest.mark.parametrize("on", ["memory", "dynamodb"])
def test_a_holder_whose_clock_is_slow_is_stopped_by_the_token(on: str) -> None:
    with dynamo_journal() if on == "dynamodb" else nullcontext(memory_journal()) as journal:
        journal.begin(state())
        slow = journal.acquire("mapping-1", "slow", NOW, 60)
        assert journal.acquire("mapping-1", "fast", NOW + timedelta(seconds=61), 60)

        with pytest.raises(ConflictError, match="lease"):
            journal.commit(state(), [], slow, NOW + timedelta(seconds=59))
