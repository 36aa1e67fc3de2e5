"""Names as AWS writes them, checked before any of them reaches a call, a path or an ARN.

Patterns: Lambda API reference (FunctionName, Qualifier, UUID), Kinesis (StreamName, StreamARN),
DynamoDB Streams (StreamArn). Each reader takes anything and raises InputError alone.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from remediator import arns
from remediator.arns import Arn
from remediator.errors import InputError
from remediator.escaping import visible
from remediator.model import SourceKind, Watched

_ARN = r"arn:aws[a-z-]*"
# In any partition: eu-west-1, us-gov-east-1, eusc-de-east-1, us-isob-east-1.
_REGION = r"(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d{1,2})"
_ACCOUNT = r"(?P<account>\d{12})"
_NAME = r"(?P<name>[a-zA-Z0-9_-]{1,64})"
_QUALIFIER = r"(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]{1,128})"
_STREAM = r"(?P<name>[a-zA-Z0-9_.-]{1,128})"
_UUID = r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"

_FUNCTION = re.compile(
    rf"(?:{_ARN}:lambda:{_REGION}:{_ACCOUNT}:function:|(?P<partial>\d{{12}}):function:)?"
    rf"{_NAME}(?::{_QUALIFIER})?",
    re.ASCII,
)
_MAPPING = re.compile(
    rf"(?:{_ARN}:lambda:{_REGION}:{_ACCOUNT}:event-source-mapping:)?{_UUID}",
    re.ASCII | re.IGNORECASE,
)
_STREAM_NAME = re.compile(_STREAM, re.ASCII)
_KINESIS_ARN = re.compile(
    rf"(?P<arn>{_ARN}:kinesis:{_REGION}:{_ACCOUNT}:stream/{_STREAM})"
    r"(?:/consumer/(?P<consumer>[a-zA-Z0-9_.-]{1,128})(?::\d{1,20})?)?",
    re.ASCII,
)
_DYNAMODB_ARN = re.compile(
    rf"(?P<arn>{_ARN}:dynamodb:{_REGION}:{_ACCOUNT}"
    r":table/(?P<name>[a-zA-Z0-9_.-]{1,255})/stream/[0-9T:.-]{1,40})",
    re.ASCII,
)
_ALARM_ARN = re.compile(
    rf"{_ARN}:cloudwatch:{_REGION}:{_ACCOUNT}:alarm:(?P<name>.{{1,255}})", re.ASCII
)
_STREAM_ARNS = {SourceKind.KINESIS: _KINESIS_ARN, SourceKind.DYNAMODB: _DYNAMODB_ARN}
_DESTINATION = re.compile(
    rf"{_ARN}:(?:(?:sqs|sns):{_REGION}:{_ACCOUNT}:[A-Za-z0-9_-]{{1,256}}(?:\.fifo)?"
    r"|s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])",
    re.ASCII,
)
_INCIDENT = re.compile(r"inc-[0-9a-f]{20}")
_ACCOUNT_ID = re.compile(_ACCOUNT, re.ASCII)
_REGION_NAME = re.compile(_REGION, re.ASCII)
_LONGEST = 400


class Named(NamedTuple):
    """Something to watch, and the account and Region that its name spells out."""

    watched: Watched
    account_id: str | None = None
    region: str | None = None


class Here(NamedTuple):
    """The moment and the place of this call. ``None``: not known, so not checked."""

    now: datetime
    default_function: str | None = None
    """The function of alarms that name neither function nor stream."""
    account_id: str | None = None
    region: str | None = None

    def check(self, account: str | None, region: str | None) -> None:
        """Refuse what lies in another account or Region. Raises InputError."""
        for what, theirs, ours in (
            ("account", account, self.account_id),
            ("Region", region, self.region),
        ):
            if theirs and ours and theirs != ours:
                raise InputError(f"expected {what} {ours}, got something in {what} {theirs}")


class StreamArn(NamedTuple):
    """A stream's ARN, taken apart."""

    arn: str
    """The stream's own, without the consumer."""
    kind: SourceKind
    name: str
    """The Kinesis stream's or the DynamoDB table's name."""
    account_id: str
    region: str
    consumer: str | None = None
    """The registered consumer's name, where the ARN is a consumer's."""


class AlarmArn(NamedTuple):
    """An alarm's ARN, taken apart."""

    name: str
    account_id: str
    region: str
    text: str = ""


def function(value: object) -> Named:
    """A function: name, ``name:alias``, partial ARN or ARN, with or without qualifier.

    Raises InputError for anything else.
    """
    found = _match(_FUNCTION, value, "a Lambda function's name, name:alias, or ARN")
    part = found.groupdict()
    return Named(
        Watched(function=part["name"], qualifier=part["qualifier"]),
        part["account"] or part["partial"],
        part["region"],
    )


def mapping(value: object) -> Named:
    """An event source mapping: its UUID or its ARN. Raises InputError for anything else."""
    found = _match(_MAPPING, value, "an event source mapping's UUID")
    part = found.groupdict()
    watched = Watched(event_source_mapping=part["uuid"].lower())
    return Named(watched, part["account"], part["region"])


def stream(value: object) -> Named:
    """A stream: a Kinesis stream's name or ARN (also a consumer's), or a DynamoDB stream's ARN.

    Raises InputError for anything else.
    """
    arn = stream_arn(value)
    if arn:
        return Named(Watched(stream=arn.arn), arn.account_id, arn.region)
    found = _match(
        _STREAM_NAME, value, "a Kinesis stream's name, or a Kinesis or DynamoDB stream ARN"
    )
    return Named(Watched(stream=found[0]))


def stream_arn(value: object) -> StreamArn | None:
    """The ARN of a stream, or of a stream's consumer; ``None`` for anything else."""
    for kind, pattern in _STREAM_ARNS.items():
        if isinstance(value, str) and (found := pattern.fullmatch(value)):
            part = found.groupdict()
            place = part["account"], part["region"]
            return StreamArn(part["arn"], kind, part["name"], *place, part.get("consumer"))
    return None


def destination(value: str) -> Arn | None:
    """The ARN of a queue, a topic or a bucket; ``None`` for anything else."""
    return arns.parsed(value) if _DESTINATION.fullmatch(value) else None


def same_region(named: str | None, ours: str, what: str) -> None:
    """Raise InputError when a name spells out another Region than the one that we call."""
    if named is not None and named != ours:
        raise InputError(f"{what} lies in {named}; this remediator works in {ours}")


def new_incident_id(*parts: str) -> str:
    """The id of an incident that these parts tell apart; the same parts give the same id."""
    return "inc-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def incident_id(value: object) -> str:
    """An incident's id as this package makes them. Raises InputError for anything else."""
    return _match(_INCIDENT, value, "an incident id such as inc-0123456789abcdef0123")[0]


def alarm_arn(value: object) -> AlarmArn | None:
    """An alarm's ARN, or ``None`` if it is not one."""
    found = _ALARM_ARN.fullmatch(text(value) or "")
    return AlarmArn(found["name"], found["account"], found["region"], found[0]) if found else None


def account_id(value: object) -> str | None:
    """Twelve digits, or ``None``."""
    return value if isinstance(value, str) and _ACCOUNT_ID.fullmatch(value) else None


def region(value: object) -> str | None:
    """A Region's code (not its long name, as SNS has it), or ``None``."""
    return value if isinstance(value, str) and _REGION_NAME.fullmatch(value) else None


def places(value: object) -> Iterator[tuple[str | None, str | None]]:
    """Every account and Region that anything in a JSON value names: under a key that says so, in a
    pair of name and value, in a query, or by an ARN that stands alone. Free text names none."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield from _places_in(part)
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            lowered = {str(key).lower(): item for key, item in part.items()}
            label = lowered.get("name")
            if isinstance(label, str) and "value" in lowered:
                lowered[label.lower()] = lowered["value"]
            yield None, region(lowered.get("region"))
            yield from ((_account(lowered.get(key)), None) for key in _ACCOUNT_KEYS)
            waiting += [item for key, item in lowered.items() if key not in _FREE_TEXT]


def _account(said: object) -> str | None:
    return account_id(f"{said:012}" if type(said) is int and 0 < said < 10**12 else said)


def _places_in(value: str) -> Iterator[tuple[str | None, str | None]]:
    arn, partial = arns.parsed(value), _PARTIAL.match(value)
    if arn:
        yield account_id(arn.account_id), region(arn.region)
    elif partial:
        yield partial[1], None
    else:
        yield from ((account, None) for account in _QUERIED.findall(value))


_PARTIAL = re.compile(r"(\d{12}):function:", re.ASCII)
_QUERIED = re.compile(r"AWS\.AccountId\"?\s{0,9}=\s{0,9}'(\d{12})'", re.ASCII | re.IGNORECASE)
_ACCOUNT_KEYS = ("account", "accountid", "awsaccountid", "aws.accountid", "owningaccount")
_FREE_TEXT = frozenset(
    {
        *("description", "alarmdescription", "reason", "newstatereason"),
        *("alarmactions", "okactions", "insufficientdataactions", "actions"),
    }
)


def text(value: object, most: int = 1024) -> str | None:
    """Text that can be stored and printed: no lone surrogates, not longer than ``most``."""
    if not isinstance(value, str) or not value:
        return None
    return value[:most].encode("utf-8", "replace").decode()


def shown(value: object) -> str:
    """A value for an error message: short, and safe whatever it is."""
    if isinstance(value, str):
        return repr(visible(text(value, 60) or ""))
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int) and abs(value) < 10**18:
        return str(value)
    return f"a value of type {type(value).__name__}"


def _match(pattern: re.Pattern[str], value: object, expected: str) -> re.Match[str]:
    fits = isinstance(value, str) and len(value) <= _LONGEST
    found = pattern.fullmatch(value) if isinstance(value, str) and fits else None
    if found is None:
        raise InputError(f"expected {expected}, got {shown(value)}")
    return found
