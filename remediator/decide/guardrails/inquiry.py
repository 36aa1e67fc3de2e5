"""What a guardrail is asked, what it may look at, and what it may say."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from remediator.decide.case import Case
from remediator.decide.ownership import Taken
from remediator.model import Change, Decision, Evidence, Mode
from remediator.policy import Policy
from remediator.setting import Setting
from remediator.settings_table import of
from remediator.state import AccountLedger, Edit, Freeze, JournalClaim, Spent


class Circumstances(NamedTuple):
    """What stands around a plan and is neither evidence nor policy. Defaults: nothing known."""

    now: datetime
    incident_id: str = ""
    mode: Mode = Mode.PLAN
    freeze: Freeze | None = None
    freeze_unreadable: str | None = None
    """Why a configured freeze switch could not be read: then nothing is changed."""
    other_journal: JournalClaim | None = None
    """The journal that has this account and Region, where it is not ours."""
    ledger: AccountLedger = AccountLedger.model_construct()
    downstream: Mapping[str, str | None] = {}
    """State of each downstream alarm of the policy; ``None``: could not be seen."""
    mapping_known: bool = False
    """Whether an earlier look of ours is there to compare the mapping's settings with."""
    edit: Edit | None = None
    """The latest change of the mapping by somebody else, as far as that comparison shows one."""
    approved: bool = False
    """Whether a person has approved this very plan."""
    beside: tuple[Spent, ...] = ()
    """What this very plan spends on the changes before this one."""
    splits_beside: int = 0
    """How many shards this very plan splits before this change."""
    taken: Taken = MappingProxyType({})
    """What somebody has changed since, of the settings that the plan would change."""
    tags_unseen: bool = False
    """Whether the policy differs by tags that could not be read: which one holds is not known."""


class Inquiry(NamedTuple):
    """What a guardrail looks at."""

    change: Change
    case: Case
    around: Circumstances
    beside: tuple[Change, ...] = ()
    """The other changes of the same plan: what goes in one write may make each other safe."""

    @property
    def policy(self) -> Policy:
        """The policy as it stands for the target."""
        return self.case.policy

    @property
    def evidence(self) -> Evidence:
        """What was read."""
        return self.case.evidence

    @property
    def row(self) -> Setting:
        """What the changed setting is."""
        return of(self.change)

    def after(self, setting: Setting, otherwise: object) -> object:
        """What a setting of the same resource will hold once the plan is made."""
        same = [c for c in (self.change, *self.beside) if c.resource == self.change.resource]
        return {change.setting: change.after for change in same}.get(setting.name, otherwise)


class Said(NamedTuple):
    """A decision, why, and when a refusal ends by itself."""

    decision: Decision
    reason: str
    until: datetime | None = None


class Clip(NamedTuple):
    """A smaller value, and why."""

    after: int
    reason: str


# What a guardrail says: a decision with its reason, a clip, or nothing against it.
Word = Said | Clip | None


def block(reason: str, until: datetime | None = None) -> Said:
    """A refusal; ``until``: when it ends by itself."""
    return Said(Decision.BLOCK, reason, until)


def approve(reason: str) -> Said:
    """A question to a person."""
    return Said(Decision.APPROVE, reason)
