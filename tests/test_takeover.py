"""From a shared reader to one of its own and back: by whatever it is cut short, one end is reached.

AWS's side is a small account that refuses to let both mappings read, in every test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from remediator import arns
from remediator.errors import PermanentError, TemporaryError
from remediator.execution.takeover import SHARED, Parts, Step, starts_at, through_fan_out
from remediator.model import (
    Change,
    ChangeStatus,
    RemedyName,
    Resource,
    ResourceKind,
    Value,
)
from remediator.state import ChangeState
from tests.aws.aws_world import kinesis_target
from tests.histories import NOW
from tests.stepwise import LOOKS, Stepwise

OLD, NEW = "0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002"
TARGET = kinesis_target(OLD)
CONSUMER = f"{TARGET.source_arn}/consumer/{arns.successor_name(OLD)}"
GOAL = through_fan_out(NOW - timedelta(minutes=20))
MOVE = Change(
    remedy=RemedyName.ENHANCED_FAN_OUT,
    resource=Resource(kind=ResourceKind.READER, id=CONSUMER),
    setting="reads_by",
    before=SHARED,
    after=GOAL,
)
AWS_TAKES = timedelta(seconds=20)


@dataclass
class Account:
    """A consumer and two mappings, as AWS keeps them. Strikes, by the number of the call."""

    now: datetime = NOW
    old: str | None = "Enabled"
    new: str | None = None
    consumer: str | None = None
    starts: str | None = None
    alike: bool = True
    since: dict[str, datetime] = field(default_factory=dict)
    until: dict[str, datetime] = field(default_factory=dict)
    written: list[Step] = field(default_factory=list)
    refuses: dict[Step, Exception] = field(default_factory=dict)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for what, due in dict(self.until).items():
            if due <= self.now:
                self._be(what, _ENDS[getattr(self, what)])
                del self.until[what]

    def _be(self, what: str, state: str | None) -> None:
        setattr(self, what, state)
        self.since[what] = self.now

    def person(self, what: str, state: str | None) -> None:
        """A person's hand, and AWS is through with it."""
        self.pass_time(30)
        self._be(what, state)

    def begin(self, what: str, state: str) -> None:
        self._be(what, state)
        self.until[what] = self.now + AWS_TAKES
        assert not {self.old, self.new} <= {"Enabled", "Enabling"}, "both read"

    # --- the actuator's side ---------------------------------------------------------------

    def read(self, _: Resource, __: Sequence[str]) -> Mapping[str, Value]:
        return Parts(
            consumer=self.consumer,
            consumer_arn=f"{CONSUMER}:1" if self.consumer else None,
            old=self.old,
            old_since=self.since.get("old", NOW - timedelta(days=1)).isoformat(),
            new=self.new,
            new_since=self.since["new"].isoformat() if self.new else None,
            new_uuid=NEW if self.new else None,
            starts=self.starts if self.new else None,
            alike=self.alike,
        )._asdict()

    def write(self, _: Resource, values: Mapping[str, Value]) -> None:
        step = Step(next(iter(values)))
        self.written.append(step)
        if step in self.refuses:
            raise self.refuses[step]
        if step is Step.CREATE:
            self.starts = str(values["position"]).removeprefix("fan-out from ")
        self.begin(*_MAKES[step])

    def settled(self, _: Resource) -> bool:
        self.pass_time(15)
        return not self.until


_MAKES: Mapping[Step, tuple[str, str]] = {
    Step.REGISTER: ("consumer", "CREATING"),
    Step.CREATE: ("new", "Creating"),
    Step.STOP_OLD: ("old", "Disabling"),
    Step.START_NEW: ("new", "Enabling"),
    Step.STOP_NEW: ("new", "Disabling"),
    Step.START_OLD: ("old", "Enabling"),
    Step.DELETE: ("new", "Deleting"),
    Step.DEREGISTER: ("consumer", "DELETING"),
}
_ENDS: Mapping[str, str | None] = {
    "CREATING": "ACTIVE",
    "DELETING": None,
    "Creating": "Disabled",
    "Disabling": "Disabled",
    "Enabling": "Enabled",
    "Deleting": None,
}


@dataclass
class Incident(Stepwise):
    """One incident of that account, look after look."""

    change, mapping, target = MOVE, OLD, TARGET
    account: Account = field(default_factory=Account)


def handed_over() -> Incident:
    incident = Incident()
    incident.make()
    return incident.settle()


def there(account: Account) -> tuple[str | None, str | None, str | None]:
    return account.old, account.new, account.consumer


BEFORE, AFTER = ("Enabled", None, None), ("Disabled", "Enabled", "ACTIVE")
FORWARD = [Step.REGISTER, Step.CREATE, Step.STOP_OLD, Step.START_NEW]
BACKWARD = [Step.STOP_NEW, Step.START_OLD, Step.DELETE, Step.DEREGISTER]


def test_it_takes_four_writes_over_several_looks_and_the_incident_is_the_new_mapping_s_then() -> (
    None
):
    incident = Incident()
    (first,) = incident.make()
    assert (first.status, incident.life) == (ChangeStatus.SETTLING, ChangeState.INTENDED)
    incident.settle()
    assert incident.account.written == FORWARD
    assert (there(incident.account), incident.life) == (AFTER, ChangeState.APPLIED)
    target = incident.state.target
    assert target is not None
    assert (target.event_source_mapping, target.known_as) == (NEW, OLD)
    assert incident.account.starts is not None
    assert starts_at(incident.account.starts) == NOW - timedelta(minutes=20)


def test_taken_back_leaves_exactly_what_was_there() -> None:
    incident = handed_over()
    incident.take_back()
    incident.settle()
    assert incident.account.written == [*FORWARD, *BACKWARD]
    assert (there(incident.account), incident.life) == (BEFORE, ChangeState.UNDONE)
    assert incident.state.target == TARGET


def test_the_old_one_is_at_rest_for_a_minute_before_the_new_one_starts() -> None:
    incident = handed_over()
    began = {one.step: one.at for one in incident.state.changes[-1].steps}
    assert began[Step.START_NEW] - began[Step.STOP_OLD] >= timedelta(seconds=60)


# More moments than an undisturbed way has; those beyond it kill nothing.
MOMENTS = range(1, 40)


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_killed_at_any_moment_it_is_finished_or_undone(*, back: bool) -> None:
    deaths = 0
    for moment in MOMENTS:
        incident = handed_over() if back else Incident()
        incident.last = incident.strikes + moment
        incident.take_back() if back else incident.make()
        for _ in range(LOOKS):
            incident.look()
            if back and incident.state.in_effect and incident.life is ChangeState.APPLIED:
                incident.take_back()
        incident.settle()
        deaths += incident.strikes >= incident.last
        ends = {ChangeState.UNDONE, ChangeState.ABANDONED} if back else set(ChangeState)
        assert incident.state.changes == () or incident.life in ends
        wanted = AFTER if incident.state.in_effect else BEFORE
        assert there(incident.account) == wanted, f"killed at moment {moment}"
    assert deaths >= 8


DENIED = PermanentError("not authorized", code="AccessDeniedException")
FULL = PermanentError("too many consumers", code="LimitExceededException")
BUSY = TemporaryError("in use")


@pytest.mark.parametrize("error", [DENIED, FULL], ids=["denied", "a limit"])
@pytest.mark.parametrize("step", FORWARD)
def test_a_step_that_is_refused_turns_it_round_and_it_is_not_tried_again(
    step: Step, error: Exception
) -> None:
    incident = Incident(Account(refuses={step: error}))
    incident.make()
    incident.settle()
    assert (there(incident.account), incident.life) == (BEFORE, ChangeState.UNDONE)
    assert incident.state.tried == (RemedyName.ENHANCED_FAN_OUT,)
    assert str(error) in incident.state.changes[-1].detail


@pytest.mark.parametrize("error", [DENIED, BUSY], ids=["denied", "busy"])
@pytest.mark.parametrize("step", BACKWARD)
def test_a_step_back_that_fails_is_made_once_it_can_be(step: Step, error: Exception) -> None:
    incident = handed_over()
    incident.account.refuses = {step: error}
    incident.take_back()
    for _ in range(4):
        incident.look()
    assert incident.life is ChangeState.UNDOING
    incident.account.refuses = {}
    incident.settle()
    assert (there(incident.account), incident.life) == (BEFORE, ChangeState.UNDONE)


@pytest.mark.parametrize("step", FORWARD)
def test_a_step_that_is_busy_goes_on_later(step: Step) -> None:
    incident = Incident(Account(refuses={step: BUSY}))
    incident.make()
    incident.look()
    incident.account.refuses = {}
    incident.make() if incident.life is ChangeState.ABANDONED else None
    incident.settle()
    assert (there(incident.account), incident.life) == (AFTER, ChangeState.APPLIED)


def _edits(account: Account) -> None:
    account.alike = False


def _hands(what: str, state: str | None) -> Callable[[Account], None]:
    return lambda account: account.person(what, state)


ALL_GONE = (None, None, None)


@pytest.mark.parametrize(
    ("step", "acts", "wanted"),
    [
        pytest.param(step, acts, wanted, id=f"{who} before {step}")
        for step, cases in {
            Step.CREATE: (
                ("deletes the old one", _hands("old", None), ALL_GONE),
                ("disables the old one", _hands("old", "Disabled"), ("Disabled", None, None)),
            ),
            Step.STOP_OLD: (
                ("deletes the old one", _hands("old", None), ALL_GONE),
                ("deletes the new one", _hands("new", None), BEFORE),
                ("edits one of them", _edits, BEFORE),
            ),
            Step.START_NEW: (
                ("enables the old one", _hands("old", "Enabled"), BEFORE),
                ("deletes the old one", _hands("old", None), ALL_GONE),
                ("deletes the new one", _hands("new", None), BEFORE),
                ("enables the new one", _hands("new", "Enabled"), AFTER),
                ("deregisters the consumer", _hands("consumer", None), BEFORE),
                ("edits one of them", _edits, BEFORE),
            ),
        }.items()
        for who, acts, wanted in cases
    ],
)
def test_a_person_who_comes_in_between_wins(
    step: Step, acts: Callable[[Account], None], wanted: tuple[str | None, ...]
) -> None:
    """What they did stands; what we had begun goes away again, and nothing else."""
    incident = Incident(Account(refuses={step: BUSY}))
    incident.make()
    while step not in incident.account.written:
        incident.look()
    incident.account.refuses = {}
    acts(incident.account)
    incident.settle()
    assert there(incident.account) == wanted


def test_frozen_half_way_it_stands_still_and_goes_on_once_that_is_lifted() -> None:
    incident = Incident()
    incident.make()
    incident.frozen = "frozen by ada"
    made = list(incident.account.written)
    for _ in range(3):
        incident.look()
    assert (incident.account.written, incident.life) == (made, ChangeState.INTENDED)
    incident.frozen = None
    incident.settle()
    assert there(incident.account) == AFTER


def test_taken_back_half_way_it_never_starts() -> None:
    incident = Incident()
    incident.make()
    incident.take_back()
    incident.settle()
    assert (there(incident.account), incident.life) == (BEFORE, ChangeState.UNDONE)
    assert Step.START_NEW not in incident.account.written


def test_a_consumer_of_that_name_that_nobody_has_begun_is_left_alone() -> None:
    incident = Incident(Account(consumer="ACTIVE"))
    (result,) = incident.make()
    assert result.status is ChangeStatus.CONFLICT
    assert (incident.account.written, incident.life) == ([], ChangeState.ABANDONED)


def test_once_handed_over_a_person_who_goes_back_by_hand_has_it() -> None:
    incident = handed_over()
    incident.account.person("new", "Disabled")
    incident.account.person("old", "Enabled")
    incident.look()
    assert incident.life is ChangeState.OVERTAKEN


def test_a_pause_of_the_new_one_is_no_other_hand_over() -> None:
    incident = handed_over()
    incident.account.person("new", "Disabled")
    incident.look()
    assert incident.life is ChangeState.APPLIED
    incident.take_back()
    incident.settle()
    assert there(incident.account) == BEFORE


def test_where_the_new_one_was_deleted_the_old_one_reads_again() -> None:
    incident = handed_over()
    incident.account.person("new", None)
    incident.take_back()
    incident.settle()
    assert there(incident.account) == BEFORE
