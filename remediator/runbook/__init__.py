"""The only composer: it calls the stages in order and owns no rule of its own.

respond    an alarm or a person reports an incident
follow_up  a schedule wakes us: did it help, what comes next
approve    a person allows a stored plan
roll_back  a person wants everything of an incident undone
"""

from remediator.events.requests import Approve, Command, FollowUpDue, Rollback, SetFreeze
from remediator.model import Incident, Report
from remediator.runbook import by_hand, respond
from remediator.runbook.follow_up import follow_up
from remediator.runbook.session import Deployment, Session


class Runbook(Session):
    """The stages, wired. ``journal`` and ``scheduler`` may be missing for a plan by hand."""

    def respond(self, incident: Incident) -> Report:
        """An incident, from an alarm or by hand, to its report.

        Raises InputError when nothing is behind it, TemporaryError or PermanentError when the
        world is broken.
        """
        return respond.respond(self, incident)

    def run(self, command: Command) -> Report:
        """A request by hand, or our own schedule. Raises as ``respond``."""
        match command:
            case FollowUpDue():
                return follow_up(self, command)
            case Approve():
                return by_hand.approve(self, command)
            case Rollback():
                return by_hand.roll_back(self, command)
            case SetFreeze():
                return by_hand.set_freeze(self, command)


__all__ = ["Deployment", "Runbook"]
