"""Whether the remediator was right: its diagnosis and its levers against the scenario's truth.

The diagnosis that counts: where nothing need be done, the first one that says more than
"recovering"; else the one that led to the first lever (first aid apart), or, if none was pulled,
the last one before the lag was gone. Where the truth itself is ``recovering``, the first of all;
where it shows only when something was tried, the first that names it.
"""

from collections.abc import Collection
from dataclasses import replace

from lab.episode import Episode, Note, SettingChange
from lab.scenarios import Scenario
from remediator.model import Cause, RemedyName, Status

FIRST_AID = RemedyName.EXTEND_RETENTION
HANDS_OFF = "hands_off"


def judged(episode: Episode, scenario: Scenario) -> Episode:
    """The episode with what was said, and whether cause and levers were right."""
    if episode.strategy != "remediator":
        return episode
    note = deciding_note(episode, scenario)
    said = note.cause if note else ""
    return replace(
        episode,
        said_cause=said,
        right_cause=said in scenario.causes or (scenario.may_ask and said == Cause.UNKNOWN),
        right_lever=_right_lever(episode, scenario),
    )


def deciding_note(episode: Episode, scenario: Scenario) -> Note | None:
    """The run of the remediator whose diagnosis counts; ``None`` if there is no diagnosis."""
    told = [note for note in episode.notes if note.cause]
    serious = [note for note in told if note.cause != Cause.RECOVERING]
    if scenario.causes[0] is Cause.RECOVERING:
        counted = told
    elif scenario.shows_only_when_tried:
        counted = [note for note in serious if note.cause == scenario.causes[0]] or serious or told
    elif HANDS_OFF in scenario.levers:
        counted = serious or told
    else:
        counted = _before_the_deed(episode, told)
    return counted[0] if counted else None


def _before_the_deed(episode: Episode, told: list[Note]) -> list[Note]:
    """The last look up to the first lever, or up to the end of the lag; newest first."""
    pulled = [change.at_seconds for change in _levers(episode)]
    end = pulled[0] if pulled else episode.recovered_at_seconds or episode.horizon_seconds
    return [note for note in reversed(told) if note.at_seconds <= end]


def _levers(episode: Episode) -> list[SettingChange]:
    return [change for change in episode.changes if change.by != FIRST_AID]


def _right_lever(episode: Episode, scenario: Scenario) -> bool:
    """The first lever is one of the scenario's; once it is pulled, or once the trouble is over,
    more lanes may drain what is left. Where nothing is wrong, not even first aid is right. To ask a
    person for one of them is right, too: a reshard is everybody's who reads the stream."""
    if scenario.healthy:
        return not episode.changes
    heals_at = scenario.blueprint(episode.seed).heals_at_seconds or episode.horizon_seconds
    pulled = _levers(episode)
    right = set(scenario.levers)
    drains = RemedyName.RAISE_PARALLELIZATION_FACTOR
    early = [change.by for change in pulled if change.by != drains or change.at_seconds < heals_at]
    if not early:
        return HANDS_OFF in right or _asked_for(episode, right)
    if scenario.must_change not in {None, *(change.setting for change in pulled)}:
        return False
    return early[0] in right and set(early) <= right | {drains}


def _asked_for(episode: Episode, right: Collection[str]) -> bool:
    asked = [note.wished for note in episode.notes if note.status == Status.AWAITING_APPROVAL]
    return bool(asked) and set(asked[0]) <= set(right)
