"""Whether an on-failure destination exists, before records may be sent there (invariant 1)."""

import re

from remediator.aws.clients import Clients
from remediator.aws.failures import NOT_FOUND, aws_errors
from remediator.errors import PermanentError, RemediatorError

_QUEUE = re.compile(
    r"arn:aws[a-z-]*:sqs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?P<name>[A-Za-z0-9_-]{1,80})"
)


def exists(clients: Clients, arn: str) -> bool | None:
    """Whether a standard SQS queue exists (sqs:GetQueueUrl).

    ``None``: not to be seen from here. That is any other kind of destination, a queue of another
    Region, and a queue that we may not see.
    """
    queue = _QUEUE.fullmatch(arn)
    if queue is None or queue["region"] != clients.region:
        return None
    try:
        with aws_errors("sqs"):
            clients.sqs.get_queue_url(
                QueueName=queue["name"], QueueOwnerAWSAccountId=queue["account"]
            )
    except PermanentError as error:
        return False if error.code in NOT_FOUND else None
    except RemediatorError:
        return None
    return True
