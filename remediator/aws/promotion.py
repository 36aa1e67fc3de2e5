"""The writer of a promotion: $LATEST's memory, a version published of it, and the alias.

Source: Lambda API Reference (ListAliases, GetFunctionConfiguration, UpdateFunctionConfiguration,
PublishVersion, UpdateAlias). A version is published anew only where something has changed since the
last one; else AWS answers with that one.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from remediator.aws.clients import Clients
from remediator.aws.failures import aws_errors
from remediator.aws.limits import Values, number, refusal
from remediator.aws.reading import Answer
from remediator.errors import PermanentError, TemporaryError
from remediator.execution import promotion
from remediator.execution.promotion import Parts, Points, Step
from remediator.model import Released, Value
from remediator.settings_table import MEMORY, RELEASED_MEMORY

_NAME = re.compile(r"(?P<function>[\w-]{1,64}):(?P<alias>[\w-]{1,128})@(?P<version>\d{1,18})")

# Of a configuration, what says when and as what it came about, and the memory.
_ITS_OWN = frozenset(
    {
        "CodeSize",
        "ConfigSha256",
        "Description",
        "FunctionArn",
        "LastModified",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "MasterArn",
        "MemorySize",
        "ResponseMetadata",
        "RevisionId",
        "State",
        "StateReason",
        "StateReasonCode",
        "Version",
    }
)


class _Found(NamedTuple):
    """AWS's answers; ``None`` for what is not there."""

    function: str
    alias: Answer | None
    latest: Answer
    old: Answer | None
    present: Answer | None
    """The version that the alias points to."""


class PromotionWriter:
    """What an alias releases. ``name``: ``function:alias@version``."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def read(self, name: str, _: Sequence[str]) -> Values:
        """All parts, and what they come to."""
        parts = _parts(self._find(name))
        return {**parts._asdict(), RELEASED_MEMORY.name: promotion.memory_released(parts)}

    def write(self, name: str, values: Values) -> None:
        """One step: ``values`` names it, with the memory that is the goal.

        Raises PermanentError for anything else, TemporaryError while AWS is at a version that was
        just published.
        """
        acts: Mapping[str, Callable[[_Found, Value], object]] = {
            Step.RAISE_LATEST: lambda found, goal: self._set(found, goal),
            Step.MOVE_ALIAS: lambda found, _: self._move(found, self._published(found)),
            Step.MOVE_BACK: lambda found, _: self._move(found, _there(found.old)["Version"]),
            Step.LOWER_LATEST: lambda found, _: self._set(found, _there(found.old)["MemorySize"]),
        }
        if len(values) != 1 or not set(values) <= set(acts):
            raise refusal(f"expected one step of a promotion, got {', '.join(values)}")
        ((step, goal),) = values.items()
        acts[step](self._find(name), goal)

    def settled(self, name: str) -> bool:
        return not _parts(self._find(name)).busy

    # --- steps -----------------------------------------------------------------------------

    def _set(self, found: _Found, memory: Value) -> None:
        with aws_errors("lambda"):
            self._clients.lambda_writer.update_function_configuration(
                FunctionName=found.function,
                MemorySize=number(MEMORY, memory),
                RevisionId=found.latest["RevisionId"],
            )

    def _published(self, found: _Found) -> str:
        """A version of just this $LATEST."""
        with aws_errors("lambda"):
            made = self._clients.lambda_writer.publish_version(
                FunctionName=found.function,
                CodeSha256=found.latest["CodeSha256"],
                RevisionId=found.latest["RevisionId"],
            )
            if made.get("State") == "Pending":
                raise TemporaryError(f"version {made['Version']} of {found.function} is Pending")
            return made["Version"]

    def _move(self, found: _Found, version: str) -> None:
        with aws_errors("lambda"):
            alias = _there(found.alias)
            self._clients.lambda_writer.update_alias(
                FunctionName=found.function,
                Name=alias["Name"],
                FunctionVersion=version,
                RevisionId=alias["RevisionId"],
            )

    # --- what is there ---------------------------------------------------------------------

    def _find(self, name: str) -> _Found:
        said = _NAME.fullmatch(name)
        if said is None:
            raise refusal(f"expected function:alias@version, got {name[:300]!r}")
        function, version = said["function"], said["version"]
        alias = find_alias(self._clients, function, said["alias"])
        latest = configuration(self._clients, function, None)
        old = configuration(self._clients, function, version)
        present = old
        with aws_errors("lambda"):
            if alias is not None and alias["FunctionVersion"] != version:
                present = configuration(self._clients, function, alias["FunctionVersion"])
        return _Found(function, alias, _there(latest), old, present)


def released(clients: Clients, function: str, alias: str) -> Released | None:
    """What an alias releases, beside $LATEST; ``None``: it is no alias.

    Raises PermanentError or TemporaryError as AWS answers.
    """
    found = find_alias(clients, function, alias)
    if found is None:
        return None
    with aws_errors("lambda"):
        version = found["FunctionVersion"]
    latest = _there(configuration(clients, function, None))
    old = _there(configuration(clients, function, version))
    with aws_errors("lambda"):
        same = latest["MemorySize"] == old["MemorySize"]
        return Released(version=version, alike=same and _alike(latest, old), routed=_routed(found))


def find_alias(clients: Clients, function: str, alias: str) -> Answer | None:
    pages = clients.lambda_.get_paginator("list_aliases")
    with aws_errors("lambda"):
        listed = (one for page in pages.paginate(FunctionName=function) for one in page["Aliases"])
        return next((one for one in listed if one["Name"] == alias), None)


def configuration(clients: Clients, function: str, version: str | None) -> Answer | None:
    """Of a version, or of $LATEST; ``None`` where it is gone."""
    which = {"Qualifier": version} if version else {}
    try:
        with aws_errors("lambda"):
            found = clients.lambda_.get_function_configuration(FunctionName=function, **which)
            found["MemorySize"], found["CodeSha256"], found["RevisionId"]
            return found
    except PermanentError as error:
        if error.gone:
            return None
        raise


def _parts(found: _Found) -> Parts:
    with aws_errors("lambda"):
        return Parts(
            points=_points(found),
            memory_mb=found.present["MemorySize"] if found.present else None,
            old_mb=found.old["MemorySize"] if found.old else None,
            latest_mb=found.latest["MemorySize"],
            alike=found.old is not None and _alike(found.latest, found.old),
            routed=_routed(found.alias or {}),
            busy=found.latest.get("LastUpdateStatus") == "InProgress",
        )


def _points(found: _Found) -> str | None:
    if found.alias is None:
        return None
    if found.present is not None and found.old is not None:
        if found.present["Version"] == found.old["Version"]:
            return Points.OLD.value
        if _alike(found.present, found.old):
            return Points.OURS.value
    return Points.ELSEWHERE.value


def _routed(alias: Answer) -> bool:
    routing = alias.get("RoutingConfig") or {}
    return bool(routing.get("AdditionalVersionWeights"))


def _alike(one: Answer, other: Answer) -> bool:
    """Whether two are the same code and configuration, but for their memory. One of which AWS could
    not show all, is like none."""
    shown = all("Error" not in (each.get("Environment") or {}) for each in (one, other))
    return shown and _configured(one) == _configured(other)


def _configured(one: Answer) -> dict[str, object]:
    kept = {key: value for key, value in one.items() if key not in _ITS_OWN and value}
    if "SnapStart" in kept:  # whether it is on shows of a version only
        kept["SnapStart"] = one["SnapStart"].get("ApplyOn")
    return kept


def _there(one: Answer | None) -> Answer:
    if one is None:
        raise PermanentError("it is gone", code="ResourceNotFoundException", gone=True)
    return one
