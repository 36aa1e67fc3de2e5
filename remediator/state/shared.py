"""What incidents share: leases, stop switches, and the ledger of an account and Region."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from remediator import arns
from remediator.model import Record, RemedyName, Resource, ResourceKind


class Lease(Record):
    """The right to act until ``expires_at``; ``token`` grows with each holder.

    ``mapping`` is a mapping's UUID, or the name of what several of them share (``lease_name``).
    """

    mapping: str
    holder: str
    token: int
    expires_at: datetime


# Longer than one invocation may run (the template's timeout), and held on to before each write.
LEASE_SECONDS = 180


def lease_name(resource: Resource) -> str:
    """Under which name a resource is leased: a stream with all its hash ranges is one."""
    match resource.kind:
        case ResourceKind.EVENT_SOURCE_MAPPING:
            return resource.id
        case ResourceKind.READER:
            return arns.taken_over(resource.id) or f"reader:{resource.id}"
        case ResourceKind.FUNCTION:
            return f"function:{resource.id}"
        case ResourceKind.ALIAS:
            return f"function:{resource.id.partition(':')[0]}"
        case ResourceKind.STREAM | ResourceKind.HASH_RANGE:
            return f"stream:{resource.id.partition('#')[0]}"


class Freeze(Record):
    """A stop switch that somebody set."""

    scope: str
    """``all``, or a function's name."""
    reason: str
    by: str
    at: datetime


class JournalClaim(Record):
    """What a stack says: which journal it keeps."""

    stack: str
    journal: str
    since: datetime


class Claim(Record):
    """Concurrency that an incident has been promised, until metrics show its use."""

    incident_id: str
    amount: int
    expires_at: datetime


class Spent(Record):
    """One change counted against the budgets and the cool-downs."""

    incident_id: str
    mapping: str
    remedy: RemedyName
    at: datetime
    turn: int = 0
    """Which turn of the incident paid for it."""
    raised: bool = True
    """Whether it raised something; lowering has a cool-down of its own."""
    by_hand: bool = False
    """Whether a person asked for it: theirs starts the cool-down of a human's change."""


# How far back the ledger knows; no budget window or cool-down of a policy may be longer.
SPENT_COUNTS_FOR = timedelta(days=1)


class AccountLedger(Record):
    """What all incidents of one account and Region have claimed and spent lately."""

    claims: tuple[Claim, ...] = ()
    spent: tuple[Spent, ...] = ()
    version: int = 0
    """Moves on with every write: what compare-and-set compares. 0: never written."""

    def claimed_by_others(self, incident_id: str, now: datetime) -> int:
        """Concurrency promised to other incidents that is not yet expired."""
        return sum(
            claim.amount
            for claim in self.claims
            if claim.incident_id != incident_id and claim.expires_at > now
        )

    def spending(
        self, claim: Claim | None, spent: Sequence[Spent], now: datetime
    ) -> "AccountLedger":
        """One version on, with a claim and changes added and without what no longer counts.

        A second claim of one incident adds to its first: the first may not show in metrics yet,
        and a promise counted twice is safe for the neighbours where one forgotten is not
        (invariant 4).
        """
        return AccountLedger(
            claims=(
                *(old for old in self.claims if old.expires_at > now),
                *([claim] if claim else []),
            ),
            spent=(*(old for old in self.spent if old.at > now - SPENT_COUNTS_FOR), *spent),
            version=self.version + 1,
        )

    def releasing(self, incident_id: str, now: datetime) -> "AccountLedger":
        """One version on, without an incident's claims and without what no longer counts."""
        rest = tuple(claim for claim in self.claims if claim.incident_id != incident_id)
        return self.model_copy(update={"claims": rest}).spending(None, (), now)
