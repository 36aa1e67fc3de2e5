"""News for people by SNS, and for other systems as events on EventBridge's default bus.

Source: SNS API Reference, Publish (a subject is at most 100 printable ASCII characters; with
MessageStructure json, each protocol gets its own text, and the rest gets ``default``);
EventBridge API Reference, PutEvents.
"""

import json
import logging
import unicodedata
from collections.abc import Callable
from typing import Any

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.errors import PermanentError, RemediatorError
from remediator.ports import Notice

_LOG = logging.getLogger(__name__)

# Source of the events.
SOURCE = "remediator"

_LONGEST_SUBJECT = 100
_LONGEST_TEXT = 20_000
# SNS and EventBridge take 256 KB in all; indenting and escaping need room.
_LONGEST_DETAIL = 100_000


class AwsNotifier:
    """Tells people and other systems (port: Notifier). News that cannot be sent is counted."""

    def __init__(self, clients: Clients, topic_arn: str | None) -> None:
        self._clients = clients
        self._topic = topic_arn
        self.failed = 0
        """How many messages and events could not be sent."""

    def notify(self, notice: Notice) -> None:
        """Send the notice to the topic, if there is one, and as an event. Never raises."""
        if self._topic:
            self._attempt("SNS", self._publish, notice)
        self._attempt("EventBridge", self._put_event, notice)

    def _attempt(self, way: str, send: Callable[[Notice], None], notice: Notice) -> None:
        try:
            send(notice)
        except RemediatorError as error:
            self.failed += 1
            _LOG.warning("notice %s could not be sent by %s: %s", notice.kind, way, error)

    def _publish(self, notice: Notice) -> None:
        with aws_errors("sns"):
            self._clients.sns.publish(
                TopicArn=self._topic or "",
                Subject=subject(notice.subject),
                Message=message(notice),
                MessageStructure="json",
            )

    def _put_event(self, notice: Notice) -> None:
        with aws_errors("events"):
            answer = self._clients.events.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": notice.kind,
                        "Detail": json.dumps(_machine_part(notice)),
                    }
                ]
            )
            codes = [entry.get("ErrorCode", "refused") for entry in answer.get("Entries") or ()]
        if answer.get("FailedEntryCount"):
            raise PermanentError(f"events:PutEvents: {', '.join(codes)}")


def subject(text: str) -> str:
    """The text as SNS takes a subject: one line of printable ASCII, cut where it is too long."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    line = " ".join("".join(char if char.isprintable() else " " for char in plain).split())
    short = line if len(line) <= _LONGEST_SUBJECT else f"{line[: _LONGEST_SUBJECT - 3]}..."
    return short or SOURCE


def message(notice: Notice) -> str:
    """What each kind of subscriber gets: plain words; by HTTPS, the chat's notification.

    Amazon Q Developer in chat applications subscribes by HTTPS, and drops what is no notification
    of its own schema.
    """
    forms = {"default": notice.text[:_LONGEST_TEXT]}
    if notice.chat:
        forms["https"] = json.dumps(notice.chat)
    return json.dumps(forms)


def _machine_part(notice: Notice) -> dict[str, Any]:
    """What another system needs (ports: Event). A detail that is too long stays in the journal."""
    detail = json.dumps(notice.detail, default=str)
    fits = len(detail) <= _LONGEST_DETAIL
    return {
        "kind": notice.kind,
        "subject": notice.subject,
        "text": notice.text[:_LONGEST_TEXT],
        "incident": notice.incident.model_dump(mode="json") if notice.incident else None,
        "detail": json.loads(detail) if fits else {"left_out": f"{len(detail)} characters"},
    }
