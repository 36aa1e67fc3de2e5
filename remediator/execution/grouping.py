"""Which changes go in one write, in which order, and what they come to when they go back. Pure."""

from collections.abc import Iterable, Sequence

from remediator.model import Change, ChangeResult, ChangeStatus, Resource
from remediator.settings_table import of


def by_resource(changes: Iterable[Change]) -> list[tuple[Resource, list[Change]]]:
    """Changes by what one call can write, in the order in which they first appear."""
    return [(resource, group) for (resource, _), group in groups(changes).items()]


def one_after_another(changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if of(change).one_by_one)


def groups(changes: Iterable[Change]) -> dict[tuple[Resource, str], list[Change]]:
    """As ``by_resource``. A mapping takes all its settings at once; a stream has a call for each
    of them."""
    groups: dict[tuple[Resource, str], list[Change]] = {}
    for change in changes:
        key = change.resource, "" if of(change).restarts else change.setting
        groups.setdefault(key, []).append(change)
    return groups


def runs(newest_first: Sequence[Change]) -> list[list[Change]]:
    """The changes of each setting, apart where another one came in between, newest first."""
    runs: list[list[Change]] = []
    for setting in dict.fromkeys(change.setting for change in newest_first):
        above: Change | None = None
        for change in newest_first:
            if change.setting != setting:
                continue
            if above is not None and above.before == change.after:
                runs[-1].append(change)
            else:
                runs.append([change])
            above = change
    return runs


def net_inverse(newest_first: Sequence[Change]) -> list[Change]:
    """One change a setting: from the newest value of ours back to the oldest of theirs."""
    net: dict[str, Change] = {}
    for change in newest_first:
        inverse = change.inverse()
        known = net.get(change.setting)
        if known is None:
            net[change.setting] = inverse
        elif known.after == change.after:  # else somebody came in between: theirs is the older one
            net[change.setting] = known.model_copy(update={"after": inverse.after})
    return [change for change in net.values() if change.before != change.after]


def latest(group: Sequence[Change]) -> list[Change]:
    """The last change of each setting: only its value can be expected to be there."""
    return list({change.setting: change for change in group}.values())


def all_of(
    group: Sequence[Change], status: ChangeStatus, detail: str = "", code: str = ""
) -> list[ChangeResult]:
    return [
        ChangeResult(change=change, status=status, detail=detail, code=code) for change in group
    ]


def apart(
    whole: Sequence[Change], results: Sequence[ChangeResult]
) -> tuple[list[Change], list[ChangeResult]]:
    """What may be made, and what may not, since what makes it safe was not made."""
    group, unsafe = list(whole), list[ChangeResult]()
    while lacking := [(c, lack) for c in group if (lack := _lacks(c, (*results, *unsafe)))]:
        group = [change for change in group if all(change != left for left, _ in lacking)]
        unsafe += [
            ChangeResult(
                change=change,
                status=ChangeStatus.SKIPPED,
                detail=f"it is safe only with {lack}, which was not made",
            )
            for change, lack in lacking
        ]
    return group, unsafe


def _lacks(change: Change, results: Sequence[ChangeResult]) -> str | None:
    """Which change, of those that make this one safe, was not made."""
    made = {ChangeStatus.APPLIED, ChangeStatus.SETTLING, ChangeStatus.ALREADY_SO}
    undone = {result.change.setting for result in results if result.status not in made}
    return next((setting for setting in change.safe_only_with if setting in undone), None)
