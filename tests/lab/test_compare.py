"""``remediator-lab compare``: what two policies decide differently in the same incidents."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.episode import Episode, RuledOn
from lab.run import Job, play_all
from lab.showing import differences_of
from remediator.render.differences import Difference
from tests.lab.made_up_episodes import incident

LANES = "event_source_mapping m parallelization_factor"
ASKS = RuledOn(what=LANES, said="approve 1 → 4 (autonomy)", because="needs a person's approval")
MAY = RuledOn(what=LANES, said="allow 1 → 4", because="within every limit")


def played(policy: str, *rulings: RuledOn) -> Episode:
    (made,) = incident("remediator")
    notes = [replace(made.notes[0], rulings=(ruling,)) for ruling in rulings]
    return replace(made, policy=policy, notes=tuple(notes))


def test_the_first_ruling_of_a_setting_is_compared() -> None:
    assert differences_of([played("a.yml", MAY), played("b.yml", ASKS, MAY)]) == [
        Difference(
            evidence=f"{played('').scenario} seed 7",
            subject="b.yml",
            what=LANES,
            was="allow 1 → 4",
            now="approve 1 → 4 (autonomy)",
            because="needs a person's approval",
        )
    ]


def test_what_is_not_planned_any_more_differs_and_what_is_the_same_does_not() -> None:
    assert differences_of([played("a.yml", MAY), played("b.yml", MAY)]) == []
    (difference,) = differences_of([played("a.yml", MAY), played("b.yml")])
    assert (difference.was, difference.now) == ("allow 1 → 4", "not planned")


def test_the_difference_is_played_told_and_an_exit_code_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    episodes: list[list[Episode]] = []

    def once(todo: Sequence[Job]) -> list[list[Episode]]:
        """The second time as the first."""
        episodes[:] = episodes or play_all(todo)
        return episodes

    monkeypatch.setattr("lab.cli.play_all", once)
    old, new = tmp_path / "old.yml", tmp_path / "new.yml"
    old.write_text("")
    new.write_text("limits: {parallelization_factor: 2}\n")
    words = ["--policy", str(old), "--policy", str(new), "--scenario", "reference_demo"]
    for asked, code in ([], 0), (["--exit-code"], 3):
        answer = CliRunner().invoke(
            app, ["compare", *words, "--seeds", "1", *asked], env={"COLUMNS": "300"}
        )
        assert answer.exit_code == code, answer.output
        assert "allow 1 → 10" in answer.output
        assert "allow 1 → 2" in answer.output
