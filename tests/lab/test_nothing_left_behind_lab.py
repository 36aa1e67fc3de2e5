"""Nothing is left behind by the handler as it ships: not in a lower mode, nor by a wrong name."""

from dataclasses import replace

import pytest

from lab.stage import Stage
from tests.lab.acting import policy, results, run_until, run_until_changed, set_up


def redeployed(stage: Stage, mode: str) -> None:
    """As a person does who is worried, or is so no longer."""
    old = stage.rehearsal.deployment
    stage.rehearsal.deployment = replace(old, environ={**old.environ, "REMEDIATOR_MODE": mode})


def test_bounded_retries_are_told_of_in_mode_plan_and_put_back_in_mode_apply() -> None:
    stage = set_up("poison_on_one_of_many")
    run_until_changed(stage, "maximum_retry_attempts", 3600)
    redeployed(stage, "plan")
    made = len(results(stage))
    begun = stage.seconds
    run_until(stage, begun + 3600)
    assert stage.mapping.settings.maximum_retry_attempts != -1
    told = [r for r in results(stage)[made:] if "mode is plan" in r["outcome"]["reason"]]
    assert told
    redeployed(stage, "apply")
    while stage.mapping.settings.maximum_retry_attempts != -1:
        run_until(stage, stage.seconds + 300)
        assert stage.seconds < begun + 4 * 3600


@pytest.mark.parametrize("word", ["all", "ALL", "All"])
def test_all_is_all_however_it_is_written(word: str) -> None:
    stage = set_up("slow_io_bound", text=policy())
    run_until(stage, 300)
    answer = stage.rehearsal.invoke({"freeze": word, "reason": "a release"})
    assert answer.result["outcome"]["reason"].startswith("all is frozen")


def test_a_mistyped_function_is_refused_a_freeze() -> None:
    stage = set_up("slow_io_bound", text=policy())
    run_until(stage, 300)
    answer = stage.rehearsal.invoke({"freeze": "odrers"})
    assert "nothing is frozen" in str(answer.error)
