"""Raise the function's memory: where its CPU holds it back. No restart of the mapping.

Source: Lambda API Reference, UpdateFunctionConfiguration.
"""

from typing import NamedTuple

from remediator.decide.case import Case
from remediator.decide.forecast import suffices, with_memory
from remediator.decide.gains import ONE_VCPU_MB, memory_gain
from remediator.decide.remedies.base import Pass, Remedy, changes
from remediator.escaping import command
from remediator.model import Change, RemedyName, Resource
from remediator.settings_table import MEMORY, RELEASED_MEMORY

NAME = RemedyName.RAISE_MEMORY
CAVEATS = (
    "memory is paid for in proportion, for as long as an invocation runs",
    "new execution environments start cold",
)
BEHIND_AN_ALIAS = (
    "a version is published, and stays: the alias moves to it, and back to the one that it had",
    "provisioned concurrency of the alias is allocated anew for each version",
)
SIZES_MB = (256, 512, 768, 1024, 1280, 1536, ONE_VCPU_MB)
# Times as fast, below which it is not worth its price.
_WORTH_IT = 1.2


def propose(here: Case) -> tuple[Change, ...] | Pass:
    """The smallest size that drains within the target, within the policy and one vCPU."""
    found, qualifier, share = _size(here), here.evidence.target.qualifier, here.signals.cpu_share
    if isinstance(found, Pass):
        return found
    why = (
        f"{found.mb} MB make an invocation {found.times:.1f} times as fast: its CPU is busy for "
        f"{share:.0%}"
    )
    if qualifier is not None:
        refusal = _not_to_be_published(here, qualifier)
        return Pass(f"{why}; but {refusal}") if refusal else _behind(here, found.mb, why)
    return changes(NAME, here.evidence, {MEMORY: found.mb}, why, CAVEATS)


def _not_to_be_published(here: Case, qualifier: str) -> str:
    """Why no version with more memory is published for the alias; empty: one may be."""
    released = here.evidence.released
    if released is None:
        return (
            f"the mapping invokes {qualifier}, and a version's memory is fixed: publish one with "
            "more, and point the alias at it"
        )
    if released.routed:
        return f"alias {qualifier} shifts traffic from one version to another"
    if not released.alike:
        return f"$LATEST is not what alias {qualifier} releases, and would be released with it"
    return ""


def _behind(here: Case, size: int, why: str) -> tuple[Change, ...]:
    """$LATEST, which is what the alias releases, a version of it, and the alias: one change."""
    target, released = here.evidence.target, here.evidence.released
    function = here.evidence.function
    named = f"{target.function}:{target.qualifier}@{released.version if released else ''}"
    made = Change(
        remedy=NAME,
        resource=Resource(kind=RELEASED_MEMORY.kind, id=named),
        setting=RELEASED_MEMORY.name,
        before=function.memory_mb if function else None,
        after=size,
        why=why,
        caveats=(*CAVEATS, *BEHIND_AN_ALIAS),
    )
    return (made,)


class _Size(NamedTuple):
    """Memory in MB, and how many times as fast an invocation is with it."""

    mb: int
    times: float


def _size(here: Case) -> _Size | Pass:
    function, flow, share = here.evidence.function, here.flow, here.signals.cpu_share
    if function is None or function.memory_mb is None or flow is None:
        return Pass("the function's memory, or what it gets done, was not seen")
    if function.last_update_status == "InProgress":
        return Pass("the function is being updated")
    if share is None:
        return Pass("whether CPU holds it back is not known: Lambda Insights shows it")
    if share < here.policy.thresholds.cpu_bound_share:
        return Pass(f"it waits, it does not compute: CPU is busy for {share:.0%} of what is paid")
    now = function.memory_mb
    sizes = [mb for mb in SIZES_MB if now < mb <= here.policy.limits.memory_mb]
    if not sizes or memory_gain(share, now, sizes[-1]) < _WORTH_IT:
        return Pass(f"memory is {now} MB: more gives a thread no more CPU, or is not allowed")
    enough = (
        mb
        for mb in sizes
        if suffices(with_memory(flow, mb, memory_gain(share, now, mb)), here.policy)
    )
    size = next(enough, sizes[-1])
    return _Size(size, memory_gain(share, now, size))


# All that a version has of its function and a new one would take over from $LATEST.
_CONFIGURATION = (
    "[CodeSha256,MemorySize,Timeout,Handler,Runtime,Role,Environment,Layers,VpcConfig,"
    "Architectures,EphemeralStorage,FileSystemConfigs,KMSKeyArn,TracingConfig,SnapStart.ApplyOn,"
    "LoggingConfig,ImageConfigResponse,DeadLetterConfig]"
)


def by_hand(here: Case) -> tuple[str, ...]:
    """More memory behind an alias, step by step: only where $LATEST is what the alias points to, so
    that nothing is released by it. Each write is refused where somebody was faster.

    Source: Lambda API Reference, UpdateFunctionConfiguration, PublishVersion, UpdateAlias
    (RevisionId, CodeSha256).
    """
    found, target = _size(here), here.evidence.target
    alias_name = target.qualifier
    if isinstance(found, Pass) or alias_name is None or alias_name.isdecimal():
        return ()
    if not _not_to_be_published(here, alias_name):
        return ()

    def aws(call: str, *words: object) -> str:
        of = ("--function-name", target.function, "--region", target.region)
        return command("aws", "lambda", *call.split(), *of, *words)

    def said(query: str, call: str, *words: object) -> str:
        return f'"$({aws(call, *words, "--query", query, "--output", "text")})"'

    latest, alias = "get-function-configuration", ("--name", alias_name)
    released = ("--qualifier", alias_name)
    equal = f"{said(_CONFIGURATION, latest)} = {said(_CONFIGURATION, latest, *released)}"
    raised = aws("update-function-configuration", "--memory-size", found.mb)
    published = aws("publish-version", "--query", "Version", "--output", "text")
    moved = aws("update-alias", *alias) + ' --function-version "$VERSION"'
    return (
        f"test {equal} && echo equal, go on",
        aws("get-alias", *alias, "--query", "[FunctionVersion,RoutingConfig]"),
        f"{raised} --revision-id {said('RevisionId', latest)}",
        aws("wait function-updated-v2"),
        f"VERSION=$({published} --code-sha256 {said('CodeSha256', latest, *released)})",
        aws("wait published-version-active") + ' --qualifier "$VERSION"',
        f"{moved} --revision-id {said('RevisionId', 'get-alias', *alias)}",
    )


REMEDY = Remedy(
    NAME,
    propose,
    permissions=(
        "lambda:UpdateFunctionConfiguration",
        "lambda:PublishVersion",
        "lambda:UpdateAlias",
    ),
    caveats=CAVEATS,
    by_hand=by_hand,
)
