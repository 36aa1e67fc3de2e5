"""The commands against an AWS in the process: what they show, change and refuse."""

import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.errors import PermanentError, TemporaryError
from remediator.events import intake
from remediator.events.requests import Approve
from remediator.wiring import Clients
from tests.aws.aws_world import ACCOUNT, NOW, REGION
from tests.cli.clerk import JOURNAL, Pipeline, outside, run

CONSUMER = ("--function", "consumer")


# Who the credentials say that we are.
SIGNED_IN = f"arn:aws:sts::{ACCOUNT}:user/moto"


def incident_of(said: str) -> str:
    found = re.search(r"inc-[0-9a-f]{20}", said)
    assert found is not None
    return found[0]


@pytest.fixture
def acted(slow: Pipeline) -> str:
    """The id of the incident in which the factor was raised."""
    answer = slow.act("apply", *CONSUMER, "--yes")
    assert (answer.exit_code, slow.factor()) == (0, 8)
    return incident_of(answer.stdout)


# --- plan, explain, collect --------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["plan", "explain", "collect"])
def test_what_only_looks_makes_no_call_that_writes(slow: Pipeline, verb: str) -> None:
    slow.run(verb, *CONSUMER)
    assert slow.writes() == []
    assert slow.aws.operations() != []
    assert not [call for call in slow.aws.calls if call.service == "dynamodb"]


def test_a_plan_ends_in_three_when_something_would_be_changed(slow: Pipeline) -> None:
    answer = slow.run("plan", *CONSUMER)
    assert answer.exit_code == 3
    assert "consumer: slow consumer" in answer.stdout
    assert "1 → 8" in answer.stdout


def test_a_plan_of_a_healthy_pipeline_ends_in_zero(healthy: Pipeline) -> None:
    assert healthy.run("plan", *CONSUMER).exit_code == 0


@pytest.mark.parametrize(
    "named", [("--function", "consumer"), ("--stream", "orders")], ids=["function", "stream"]
)
def test_the_mapping_is_found_by_what_is_named(slow: Pipeline, named: tuple[str, str]) -> None:
    assert slow.mapping in slow.run("plan", *named).stdout


def test_the_mapping_may_be_named_itself(slow: Pipeline) -> None:
    assert slow.run("plan", "--mapping", slow.mapping).exit_code == 3


def test_what_was_collected_plans_the_same_offline(slow: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    assert slow.run("collect", *CONSUMER, "--out", file).exit_code == 0
    live = json.loads(slow.run("plan", *CONSUMER, "-f", "json").stdout)
    saved = json.loads(run("plan", "--evidence", file, "-f", "json").stdout)
    for part in ("diagnosis", "forecast", "target"):
        assert saved[part] == live[part]
    assert saved["plan"]["changes"] == live["plan"]["changes"]


def test_a_bundle_that_cannot_be_written_is_said_to_be_so(slow: Pipeline, tmp_path: Path) -> None:
    answer = slow.run("collect", *CONSUMER, "--out", tmp_path / "no" / "bundle.json")
    assert (answer.exit_code, answer.stderr.endswith("No such file or directory\n")) == (1, True)


def test_a_plan_with_the_journal_knows_a_freeze(slow: Pipeline) -> None:
    slow.run("freeze", "--journal", JOURNAL, "--reason", "a release is under way")
    answer = slow.run("plan", *CONSUMER, "--journal", JOURNAL)
    assert answer.exit_code == 4
    assert f"frozen (all) by {SIGNED_IN}" in answer.stdout
    assert slow.run("plan", *CONSUMER).exit_code == 3


# --- apply -------------------------------------------------------------------------------------


def test_apply_makes_the_change_and_a_follow_up_that_wakes_the_deployed_one(
    slow: Pipeline, acted: str
) -> None:
    assert slow.writes() == (
        [
            *["scheduler:CreateSchedule"] * 4,  # watches, for a look that never comes
            "scheduler:CreateSchedule",  # lest nobody looks again if this one dies
            "scheduler:CreateSchedule",  # when the change shows
            "lambda:UpdateEventSourceMapping",
            "events:PutEvents",
        ]
    )
    asked = slow.aws.params_of("scheduler:CreateSchedule")
    assert asked["Target"]["Arn"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:remediator"
    assert json.loads(asked["Target"]["Input"]) == {"follow_up": acted, "number": 2}


def test_apply_shows_the_plan_and_asks_on_a_terminal(slow: Pipeline) -> None:
    answer = slow.act("apply", *CONSUMER, terminal=True, typed="y\n")
    assert (answer.exit_code, slow.factor()) == (0, 8)
    assert "Make these changes?" in answer.stderr
    assert answer.stdout.index("(planned)") < answer.stdout.index("What was done")


def test_apply_changes_nothing_when_the_answer_is_no(slow: Pipeline) -> None:
    answer = slow.act("apply", *CONSUMER, terminal=True, typed="n\n")
    assert (answer.exit_code, slow.factor(), slow.writes()) == (3, 1, [])
    assert "Nothing was changed." in answer.stderr


def test_apply_does_not_ask_when_there_is_nothing_to_do(healthy: Pipeline) -> None:
    answer = healthy.act("apply", *CONSUMER, terminal=True)
    assert (answer.exit_code, healthy.writes()) == (0, [])
    assert "Make these changes?" not in answer.stderr


def test_apply_without_a_terminal_and_without_yes_looks_at_nothing(slow: Pipeline) -> None:
    answer = slow.act("apply", *CONSUMER)
    assert (answer.exit_code, slow.aws.operations()) == (2, [])


def test_apply_refuses_while_the_policy_says_plan(slow: Pipeline) -> None:
    answer = slow.act("apply", *CONSUMER, "--yes", environ={"REMEDIATOR_MODE": "plan"})
    assert (answer.exit_code, slow.writes()) == (4, [])
    assert "mode is plan" in answer.stderr
    assert "REMEDIATOR_MODE=apply" in answer.stderr


def test_apply_refuses_without_a_journal(slow: Pipeline) -> None:
    answer = slow.run("apply", *CONSUMER, "--yes")
    assert (answer.exit_code, slow.writes()) == (1, [])
    assert "--journal TABLE" in answer.stderr


def test_apply_refuses_when_nobody_would_look_whether_it_helped(slow: Pipeline) -> None:
    answer = slow.run("apply", *CONSUMER, "--yes", "--journal", JOURNAL)
    assert (answer.exit_code, slow.writes()) == (1, [])
    assert "--remediator-function NAME" in answer.stderr


def test_apply_twice_changes_once(slow: Pipeline, acted: str) -> None:
    slow.aws.calls.clear()
    again = slow.act("apply", *CONSUMER, "--yes", later=timedelta(seconds=5))
    assert again.exit_code == 0
    assert acted in again.stdout
    assert "lambda:UpdateEventSourceMapping" not in slow.writes()


def test_apply_stays_a_plan_for_a_function_that_is_not_opted_in(slow: Pipeline) -> None:
    others = {"REMEDIATOR_TARGET_FUNCTION": "payments-*"}
    answer = slow.act("apply", *CONSUMER, "--yes", environ=others)
    assert (answer.exit_code, slow.factor(), slow.writes()) == (3, 1, [])


# --- rollback, approve ---------------------------------------------------------------------------


def test_rollback_puts_the_old_value_back(slow: Pipeline, acted: str) -> None:
    answer = slow.act("rollback", acted, "--yes")
    assert (answer.exit_code, slow.factor()) == (0, 1)
    assert "8 → 1" in answer.stdout


def test_rollback_finds_the_latest_incident_of_a_function(slow: Pipeline, acted: str) -> None:
    answer = slow.act("rollback", *CONSUMER, terminal=True, typed="y\n")
    assert (answer.exit_code, slow.factor()) == (0, 1)
    assert acted in answer.stdout


def test_rollback_shows_the_incident_and_asks(slow: Pipeline, acted: str) -> None:
    answer = slow.act("rollback", acted, terminal=True, typed="n\n")
    assert (answer.exit_code, slow.factor()) == (0, 8)
    assert "1 → 8" in answer.stdout


@pytest.mark.parametrize("which", ["incident", "function"])
@pytest.mark.parametrize("how", [["--yes"], ["--yes", "-f", "json"]])
def test_a_rollback_shows_first_what_it_puts_back_and_that_the_mapping_restarts(
    slow: Pipeline, acted: str, which: str, how: list[str]
) -> None:
    named = [acted] if which == "incident" else CONSUMER
    answer = slow.act("rollback", *named, *how)
    assert (answer.exit_code, slow.factor()) == (0, 1)
    assert f"A rollback of incident {acted} (consumer) puts back" in answer.stderr
    assert "8 → 1" in answer.stderr
    assert "The event source mapping restarts" in " ".join(answer.stderr.split())
    assert "json" not in how or json.loads(answer.stdout)["incident_id"] == acted


def test_a_command_that_is_offered_runs_as_pasted(slow: Pipeline, acted: str) -> None:
    (offered,) = re.findall(r"\$ (remediator rollback .*)", slow.act("report", acted).stdout)
    assert offered == (
        f"remediator rollback {acted} --remediator-function remediator --region {REGION}"
    )
    assert slow.run(*shlex.split(offered)[1:], "--yes").exit_code == 0
    assert slow.factor() == 1


def test_a_plan_during_an_incident_says_which_is_open_and_what_is_in_effect(
    slow: Pipeline, acted: str
) -> None:
    answer = slow.act("plan", *CONSUMER)
    said = " ".join(answer.stdout.split())
    assert f"Incident {acted} of this mapping is open since" in said
    assert "In effect: parallelization_factor 1 → 8; next look at" in said
    report = json.loads(slow.act("plan", *CONSUMER, "-f", "json").stdout)
    assert [held["setting"] for held in report["in_effect"]] == ["parallelization_factor"]


def test_every_report_names_account_region_age_backlog_and_when_it_is_over(slow: Pipeline) -> None:
    report = json.loads(slow.run("plan", *CONSUMER, "-f", "json").stdout)
    assert (report["account_id"], report["region"]) == (ACCOUNT, REGION)
    nothing = next(one for one in report["forecast"] if one["option"] == "nothing")
    assert report["over_in_seconds"] == nothing["drains_in_seconds"]
    assert report["backlog_records"] > 0
    assert report["age_seconds"] > 60
    said = slow.run("plan", *CONSUMER).stdout
    for label in ("account", "oldest record", "backlog", "over", "in effect"):
        assert re.search(rf"^  {label} +\S", said, re.MULTILINE), label


def test_rollback_leaves_a_persons_change_alone(slow: Pipeline, acted: str) -> None:
    client = slow.aws.session.client("lambda")
    client.update_event_source_mapping(UUID=slow.mapping, ParallelizationFactor=3)
    answer = slow.act("rollback", acted, "--yes")
    assert (answer.exit_code, slow.factor()) == (0, 3)
    assert "nothing of it is in effect" in answer.stdout


def test_a_plan_that_asks_for_approval_is_made_once_approved(
    slow: Pipeline, tmp_path: Path
) -> None:
    policy = tmp_path / "ask.yml"
    policy.write_text("remedies: {raise_parallelization_factor: {autonomy: approve}}\n")
    asked = slow.act("apply", *CONSUMER, "--yes", "--policy", policy)
    assert (asked.exit_code, slow.factor()) == (3, 1)
    which = incident_of(asked.stdout)
    assert f"$ remediator approve {which}" in slow.act("report", which).stdout
    no = slow.act("approve", which, "--policy", policy, terminal=True, typed="n\n")
    assert (no.exit_code, slow.factor()) == (3, 1)
    yes = slow.act("approve", which, "--policy", policy, "--yes")
    assert (yes.exit_code, slow.factor()) == (0, 8)
    assert f"by {SIGNED_IN}" in slow.act("report", which).stdout


@pytest.mark.parametrize("verb", ["approve", "rollback", "report"])
def test_an_incident_that_the_journal_does_not_know_is_an_error(slow: Pipeline, verb: str) -> None:
    yes = [] if verb == "report" else ["--yes"]
    answer = slow.act(verb, "inc-00000000000000000000", *yes)
    assert answer.exit_code == 1
    assert "inc-00000000000000000000 is not in the journal" in answer.stderr


# --- the journal -------------------------------------------------------------------------------


def test_report_tells_the_incident_in_order_of_time(slow: Pipeline, acted: str) -> None:
    said = slow.act("report", acted).stdout
    order = ["consumer: watching", "Changes", "applied", "Timeline", "by hand: function consumer"]
    places = [said.index(part) for part in order]
    assert places == sorted(places)
    told = json.loads(slow.act("report", acted, "-f", "json").stdout)
    assert told["incident"]["incident_id"] == acted
    assert [entry["number"] for entry in told["entries"]] == (
        list(range(1, len(told["entries"]) + 1))
    )


@pytest.mark.parametrize(
    "about", [CONSUMER, (), ("--open",), ("--days", "1")], ids=["one", "account", "open", "day"]
)
def test_history_lists_the_incident(slow: Pipeline, acted: str, about: tuple[str, ...]) -> None:
    assert acted in slow.act("history", *about).stdout
    assert [
        one["incident_id"] for one in json.loads(slow.act("history", *about, "-f", "json").stdout)
    ] == [acted]


def test_history_of_closed_ones_is_not_among_the_open(slow: Pipeline, acted: str) -> None:
    slow.act("rollback", acted, "--yes")
    assert acted not in slow.act("history", "--open").stdout
    assert acted not in slow.act("history", *CONSUMER, "--open").stdout
    assert acted in slow.act("history", *CONSUMER).stdout


def test_freeze_frozen_unfreeze(slow: Pipeline) -> None:
    assert "Not frozen" in slow.act("frozen").stdout
    slow.act("freeze", *CONSUMER, "--reason", "a release is under way")
    assert "Not frozen" in slow.act("frozen").stdout
    said = slow.act("frozen", *CONSUMER).stdout
    assert "a release is under way" in said
    assert SIGNED_IN in said
    assert slow.act("apply", *CONSUMER, "--yes").exit_code == 4
    assert slow.factor() == 1
    slow.act("unfreeze", *CONSUMER)
    assert json.loads(slow.act("frozen", *CONSUMER, "-f", "json").stdout) == {"frozen": None}


def test_freezes_are_listed_one_by_one(slow: Pipeline) -> None:
    assert "Nothing is frozen" in slow.act("freezes").stdout
    slow.act("freeze", *CONSUMER, "--reason", "a release is under way")
    slow.act("freeze", "--reason", "night")
    listed = json.loads(slow.act("freezes", "-f", "json").stdout)["freezes"]
    assert [(one["scope"], one["reason"], one["by"]) for one in listed] == [
        ("all", "night", SIGNED_IN),
        ("consumer", "a release is under way", SIGNED_IN),
    ]
    assert "a release is under way" in slow.act("freezes").stdout


def test_a_freeze_of_a_function_that_is_nobodys_consumer_is_refused(slow: Pipeline) -> None:
    answer = slow.act("freeze", "--function", "consumr", "--reason", "release")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "consumr" in answer.stderr
    assert slow.act("freeze", *CONSUMER).exit_code == 0
    assert "consumer was not frozen" not in slow.act("unfreeze", *CONSUMER).stdout
    assert "consumer was not frozen" in slow.act("unfreeze", *CONSUMER).stdout


@pytest.mark.parametrize("verb", ["history", "frozen", "freezes", "freeze", "unfreeze"])
def test_what_needs_the_journal_says_how_to_name_it(slow: Pipeline, verb: str) -> None:
    answer = slow.run(verb)
    assert answer.exit_code == 1
    assert "--journal TABLE or REMEDIATOR_JOURNAL_TABLE" in answer.stderr


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (PermanentError("no keys", code="NoCredentialsError"), "--profile NAME or AWS_PROFILE"),
        (PermanentError("no place", code="NoRegionError"), "--region NAME, AWS_REGION"),
        (PermanentError("who?", code="ProfileNotFound"), "aws configure list-profiles"),
        (PermanentError("late", code="ExpiredTokenException"), "aws sso login"),
        (PermanentError("no", permission="lambda:GetFunction"), "Grant lambda:GetFunction to"),
        (TemporaryError("busy"), "try again"),
    ],
    ids=["credentials", "region", "profile", "expired", "denied", "busy"],
)
def test_a_broken_world_is_told_with_what_to_do(error: Exception, advice: str) -> None:
    def broken(profile: str | None, region: str | None) -> Clients:
        raise error

    answer = run("plan", *CONSUMER, world=outside(broken))
    assert answer.exit_code == 1
    assert answer.stderr.startswith(f"Error: {error}\n")
    assert advice in answer.stderr
    assert "Traceback" not in answer.output


def test_a_function_without_a_stream_is_told_as_what_it_is(slow: Pipeline) -> None:
    slow.aws.function("lonely")
    answer = slow.run("plan", "--function", "lonely")
    assert answer.exit_code == 1
    assert "lonely" in answer.stderr


def test_a_denied_reading_is_a_gap_that_names_the_permission(slow: Pipeline) -> None:
    slow.aws.deny("lambda:GetAccountSettings")
    said = slow.run("plan", *CONSUMER).stdout
    assert "What could not be seen" in said
    assert "lambda:GetAccountSettings" in said


def test_a_deployed_remediator_that_is_not_there_is_an_error(slow: Pipeline) -> None:
    answer = slow.run("history", "--remediator-function", "nobody")
    assert answer.exit_code == 1
    assert "Is it in this account and Region?" in answer.stderr


def test_a_wrong_setting_in_the_environment_is_named(slow: Pipeline) -> None:
    answer = slow.run("plan", *CONSUMER, environ={"REMEDIATOR_MODE": "maybe"})
    assert answer.exit_code == 1
    assert "REMEDIATOR_MODE: expected plan or apply, got 'maybe'" in answer.stderr


def test_the_deployed_ones_policy_that_lies_in_its_artifact_only_is_asked_for(
    slow: Pipeline,
) -> None:
    elsewhere = {"REMEDIATOR_POLICY_FILE": "policies/ours.yml"}

    refused = slow.act("apply", "--function", "consumer", "--yes", environ=elsewhere)

    assert refused.exit_code == 1
    assert "--policy FILE" in refused.stderr
    assert slow.writes() == []


@pytest.mark.parametrize("verb", ["history", "freezes", "frozen", "freeze", "unfreeze", "report"])
def test_what_no_policy_bears_on_runs_as_pasted_where_only_the_deployed_one_has_its_policy(
    slow: Pipeline, acted: str, verb: str
) -> None:
    words = (acted,) if verb == "report" else ()
    there = {"REMEDIATOR_POLICY_FILE": "policies/in-the-artifact-only.yml"}
    answer = slow.act(verb, *words, environ=there)
    assert (answer.exit_code, answer.stderr) == (0, "")


@pytest.mark.parametrize("named", ["incident", "function"])
def test_a_rollback_is_the_deployed_ones_to_make_where_only_it_has_the_policy(
    slow: Pipeline, acted: str, named: str
) -> None:
    slow.aws.answer("lambda:Invoke", {"StatusCode": 202})
    words = (acted,) if named == "incident" else CONSUMER
    there = {"REMEDIATOR_POLICY_FILE": "policies/in-the-artifact-only.yml"}
    answer = slow.act("rollback", *words, "--yes", environ=there)
    assert answer.exit_code == 0
    assert f"remediator report --watch {acted} --remediator-function remediator" in answer.stdout
    asked = slow.aws.params_of("lambda:Invoke")
    wanted = acted if named == "incident" else {"function": "consumer"}
    assert json.loads(asked["Payload"]) == {"rollback": wanted, "by": SIGNED_IN}
    assert asked["InvocationType"] == "Event"
    assert slow.factor() == 8


def test_an_approval_too_and_what_is_handed_over_is_what_an_event_may_say(
    slow: Pipeline, acted: str
) -> None:
    slow.aws.answer("lambda:Invoke", {"StatusCode": 202})
    there = {"REMEDIATOR_POLICY_FILE": "policies/in-the-artifact-only.yml"}
    words = ("approve", acted, "--plan", "0123456789ab", "--yes", "--format", "json")
    asked = json.loads(slow.act(*words, environ=there).stdout)["event"]
    assert asked == {"approve": acted, "plan": "0123456789ab", "by": SIGNED_IN}
    assert isinstance(intake.understand(asked, NOW), Approve)


def test_who_may_not_ask_it_is_told_which_permission_is_missing(slow: Pipeline, acted: str) -> None:
    said = "User: u is not authorized to perform: lambda:InvokeFunction on resource: r"
    slow.aws.refuse("lambda:Invoke", "AccessDeniedException", said, 403)
    there = {"REMEDIATOR_POLICY_FILE": "policies/in-the-artifact-only.yml"}
    answer = slow.act("rollback", acted, "--yes", environ=there)
    assert answer.exit_code == 1
    assert "lambda:InvokeFunction" in answer.stderr
