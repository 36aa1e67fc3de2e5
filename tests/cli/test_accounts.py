"""--accounts: several accounts at once, only the allowed ones, and none that stops the others."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from lab.own_aws import make_journal_table
from remediator.aws.journal import TableJournal
from remediator.aws.table import DynamoTable
from remediator.cli.accounts import load
from remediator.cli.outside import Outside
from remediator.errors import InputError
from remediator.wiring import Clients
from tests.aws.aws_world import ACCOUNT, REGION
from tests.cli.clerk import JOURNAL, Pipeline, outside, run
from tests.histories import state

PAYMENTS = "444455556666"
ROLE = f"arn:aws:iam::{PAYMENTS}:role/operator"
HOME = (
    f"{{name: orders, account: '{ACCOUNT}', region: {REGION}, profile: orders, journal: {JOURNAL}}}"
)
THERE = (
    f"{{name: payments, account: '{PAYMENTS}', region: {REGION}, role: '{ROLE}', "
    f"external_id: not-guessed, journal: {JOURNAL}}}"
)
BROKEN = (
    f"{{name: stock, account: '{PAYMENTS}', region: {REGION}, role: '{ROLE}', journal: of-nobody}}"
)


def written(folder: Path, *accounts: str, allowed: tuple[str, ...] = (ACCOUNT, PAYMENTS)) -> Path:
    file = folder / "accounts.yml"
    lines = "".join(f"  - {account}\n" for account in accounts)
    file.write_text(f"allowed_accounts: {json.dumps(allowed)}\naccounts:\n{lines}")
    return file


class Both:
    """The pipeline's own account, and one that is entered by a role."""

    def __init__(self, slow: Pipeline, folder: Path) -> None:
        self.slow, self.folder = slow, folder
        self.profiles: list[str | None] = []
        role = slow.aws.session.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="test")
        keys = role["Credentials"]
        there = type(slow.aws.session)(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=REGION
        )
        make_journal_table(there.client("dynamodb"), JOURNAL)
        known = state("inc-of-payments").model_copy(update={"account_id": PAYMENTS})
        TableJournal(DynamoTable(there.client("dynamodb"), JOURNAL)).begin(known)
        slow.aws.calls.clear()

    def run(self, *words: object, accounts: tuple[str, ...] = (HOME, THERE), **how: Any) -> Result:
        file = written(self.folder, *accounts, **how)
        return run(*words, "--accounts", file, world=self.world())

    def world(self) -> Outside:
        def clients(profile: str | None, _: str | None) -> Clients:
            self.profiles.append(profile)
            return self.slow.aws.clients

        # What is set on this machine is about one deployment, and about neither of these.
        return outside(clients, environ={"REMEDIATOR_JOURNAL_TABLE": "another"})


@pytest.fixture
def both(slow: Pipeline, tmp_path: Path) -> Both:
    return Both(slow, tmp_path)


def test_all_are_frozen_looked_back_at_and_let_go_on_again(both: Both) -> None:
    frozen = both.run("freeze", "--reason", "a sale")
    assert frozen.exit_code == 0, frozen.output
    assert frozen.stdout.startswith("Frozen in 2 accounts")
    for name, account in (("orders", ACCOUNT), ("payments", PAYMENTS)):
        assert f"{name} ({account}, {REGION})" in frozen.stdout
    assert frozen.stdout.count("all is frozen") == 2
    seen = json.loads(both.run("history", "--open", "-f", "json").stdout)["accounts"]
    found = [(one["name"], [state["incident_id"] for state in one["answer"]]) for one in seen]
    assert found == [("orders", []), ("payments", ["inc-of-payments"])]
    assert "inc-of-payments" in both.run("history", "--open").stdout
    assert both.run("unfreeze").stdout.count("no longer frozen") == 2


def test_a_role_is_taken_on_with_its_external_id_and_a_name_that_says_who(both: Both) -> None:
    both.run("history")
    asked = both.slow.aws.params_of("sts:AssumeRole")
    assert asked["RoleArn"] == ROLE
    assert asked["ExternalId"] == "not-guessed"
    assert asked["RoleSessionName"] == "remediator-ada"
    assert sorted(both.profiles, key=str) == [None, "orders"]


def test_one_that_cannot_be_reached_is_told_and_stops_none_of_the_others(both: Both) -> None:
    found = both.run("freeze", "--reason", "a sale", accounts=(BROKEN, HOME))
    assert found.exit_code == 1
    assert "Frozen in 2 accounts, 1 not reached" in found.stdout
    assert "Error: dynamodb" in found.stdout
    assert found.stdout.count("all is frozen") == 1
    told = json.loads(both.run("history", "-f", "json", accounts=(BROKEN, HOME)).stdout)["accounts"]
    assert ["error" in one for one in told] == [True, False]


def test_another_account_than_the_one_that_is_written_there_is_not_entered(both: Both) -> None:
    wrong = HOME.replace(ACCOUNT, PAYMENTS)
    found = both.run("freeze", "--reason", "a sale", accounts=(wrong,))
    assert found.exit_code == 1
    assert f"the credentials are of account {ACCOUNT}, not {PAYMENTS}" in found.stdout
    assert {call.service for call in both.slow.aws.calls} == {"sts"}


def test_what_is_not_allowed_is_asked_nothing_and_neither_is_anybody_else(both: Both) -> None:
    found = both.run("freeze", "--reason", "a sale", allowed=(ACCOUNT,))
    assert found.exit_code == 1
    assert f"payments: {PAYMENTS} is not among allowed_accounts" in found.stderr
    assert not both.slow.aws.calls


@pytest.mark.parametrize("words", [("--profile", "p"), ("--region", REGION)])
def test_the_file_says_where(both: Both, words: tuple[str, ...]) -> None:
    assert both.run("history", *words).exit_code == 2


@pytest.mark.parametrize(
    ("account", "complaint"),
    [
        pytest.param(HOME.replace("profile: orders, ", ""), "profile, role or both", id="no way"),
        pytest.param(HOME.replace(ACCOUNT, "12"), ":3: accounts.0.account", id="no account"),
        pytest.param(HOME.replace("journal:", "jurnal:"), "accounts.0.jurnal", id="no such field"),
        pytest.param(
            HOME.replace("profile: orders", "profile: orders, remediator_function: r"),
            "one of both",
            id="two journals",
        ),
        pytest.param(
            HOME.replace("profile: orders", "profile: orders, external_id: x"),
            "external_id goes with role",
            id="an external id for nobody",
        ),
        pytest.param(
            THERE.replace(f"iam::{PAYMENTS}", f"iam::{ACCOUNT}"),
            f"of account {ACCOUNT}",
            id="of another",
        ),
        pytest.param(THERE.replace("role/", "user/"), "expected the ARN of a role", id="no role"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place(
    tmp_path: Path, account: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        load(written(tmp_path, account))


def test_a_name_stands_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a name of its own"):
        load(written(tmp_path, HOME, HOME))
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "none.yml")
