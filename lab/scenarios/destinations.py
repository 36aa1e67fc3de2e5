"""Poison records, and destinations of the owner's own that take what fails, or do not."""

from dataclasses import replace
from random import Random

from lab.plant import DestinationSpec, World
from lab.scenarios.blueprint import ACCOUNT_ID, REGION, Blueprint, Happening, Scenario
from lab.scenarios.failing import healthy_line, poisoned
from lab.scenarios.parts import mapping, onset
from remediator.model import Cause

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:orders-failed"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:orders-failed"
BUCKET = "arn:aws:s3:::orders-failed"
USELESS = (
    DestinationSpec(arn=QUEUE, state="missing"),
    DestinationSpec(arn=QUEUE, state="denies"),
    DestinationSpec(arn=TOPIC, state="missing"),
    DestinationSpec(arn=TOPIC, state="denies"),
    DestinationSpec(arn=BUCKET, state="missing"),
    DestinationSpec(arn=f"{QUEUE}.fifo"),
    DestinationSpec(arn=f"{TOPIC}.fifo"),
    DestinationSpec(arn=QUEUE.replace(REGION, "eu-west-1")),
)


def _with(dice: Random, destination: DestinationSpec, times: tuple[float, ...] = ()) -> Blueprint:
    line = healthy_line(dice, dice.randint(3, 5))
    plain = poisoned(line, dice, dice.uniform(0.25, 0.5))
    (records,) = plain.producers
    own = mapping(line, on_failure_destination=destination.arn)
    return replace(
        plain,
        mappings=own,
        producers=(replace(records, poison_at_seconds=times),) if times else plain.producers,
        destinations=(destination,),
    )


def _topic_or_bucket(dice: Random) -> Blueprint:
    arn = dice.choice([TOPIC, BUCKET])
    return _with(dice, DestinationSpec(arn=arn))


def _takes_nothing(dice: Random) -> Blueprint:
    return _with(dice, dice.choice(USELESS))


def _breaks_later(dice: Random) -> Blueprint:
    """It took what was sent to it, until somebody changed the role. What is lost first shows by a
    metric, minutes later: the next one comes when that has been published, and could be read."""
    at = onset(dice)
    times = (at, *(at + 900 + n * dice.uniform(270, 360) for n in range(4)))
    broken = DestinationSpec(arn=QUEUE, state="denies")

    def breaks(world: World) -> None:
        world.add_destination(broken)

    plain = _with(dice, DestinationSpec(arn=QUEUE), times)
    breaking = Happening(at + dice.uniform(700, 800), "the role loses its permission", breaks)
    return replace(plain, happenings=(breaking,))


SCENARIOS = (
    Scenario(
        name="poison_with_a_topic_or_bucket",
        title="A poison record, and a topic or bucket of the owner's own",
        lesson="A topic and a bucket keep what fails as a queue does. What exists and takes it is "
        "good enough; the owner chose it, and it stays.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison"}),
        draw=_topic_or_bucket,
    ),
    Scenario(
        name="poison_with_a_useless_destination",
        title="A poison record, and a destination that takes nothing",
        lesson="Deleted, not writable, FIFO or in another Region: a delivery that fails drops the "
        "record. What is not known to take it is no destination.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison", "hands_off"}),
        draw=_takes_nothing,
    ),
    Scenario(
        name="destination_breaks_later",
        title="A destination that stops taking what fails",
        lesson="Delivery failures mean that records are dropped, whatever was known before: "
        "retries go back to unbounded at once, and a person is called.",
        causes=(Cause.POISON_RECORD,),
        levers=frozenset({"isolate_poison"}),
        draw=_breaks_later,
        unforeseen_losses=1,
        horizon_seconds=3600,
    ),
)
