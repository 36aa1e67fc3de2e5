"""Whose journal an account and Region has: every stack says which one it keeps, as an SSM parameter
under one path. The stack makes the parameter and takes it along when it goes.

Two journals do not know each other's changes: they would spend one budget and the same free
concurrency twice (invariants 4 and 6). So the journal that was said first is the account's.
"""

import logging
from functools import lru_cache

from remediator.aws.asking import Question, Reply, ask
from remediator.aws.clients import Clients
from remediator.aws.questions import by_token
from remediator.aws.reading import utc
from remediator.state import JournalClaim

# The template's parameter ``JournalClaim`` lies here, and policies/iam.yml lets it be read.
PATH = "/remediator/journals"

logger = logging.getLogger(__name__)


class JournalClaims:
    """What the account's stacks say, and what that means for one journal."""

    def __init__(self, clients: Clients, journal: str) -> None:
        self._clients = clients
        self._journal = journal
        self._ours = False
        self._heard: Reply | None = None

    def question(self) -> Question | None:
        """What has to be asked (ssm:GetParametersByPath); ``None``: the answer is known."""
        return None if self._ours else self._question()

    def hear(self, reply: Reply) -> None:
        """The answer, where it was asked for beside something else."""
        self._heard = reply

    def other(self) -> JournalClaim | None:
        """The claim that keeps this journal from acting; ``None``: it is the account's.

        That it is, is asked once a process, since who comes later takes nothing away. Where it
        cannot be read, nobody is taken to be there: it guards from a mistake made at deployment,
        which doctor shows, and an outage of SSM is no reason to leave incidents alone.
        """
        if self._ours:
            return None
        reply, self._heard = self._heard or ask(self._question()), None
        if reply.error is not None:
            logger.warning("whose journal this account has cannot be read: %s", reply.error)
            return None
        first = next(iter(_said(reply)), None)
        self._ours = first is None or first.journal == self._journal
        return None if self._ours else first

    def all(self) -> tuple[JournalClaim, ...]:
        """All claims, the first one first.

        Raises PermanentError when it is denied, TemporaryError when it may work later.
        """
        reply = ask(self._question())
        if reply.error is not None:
            raise reply.error
        return _said(reply)

    def _question(self) -> Question:
        call = self._clients.ssm.get_parameters_by_path
        return Question("journal claims", "ssm", call, {"Path": PATH}, next_page=by_token)


def _said(reply: Reply) -> tuple[JournalClaim, ...]:
    claims = (
        JournalClaim(
            stack=one["Name"].rpartition("/")[2],
            journal=one["Value"],
            since=utc(one["LastModifiedDate"]),
        )
        for page in reply.pages
        for one in page["Parameters"]
    )
    return tuple(sorted(claims, key=lambda claim: (claim.since, claim.stack)))


@lru_cache(maxsize=8)
def claims(clients: Clients, journal: str) -> JournalClaims:
    """The one that keeps the answer for these clients."""
    return JournalClaims(clients, journal)
