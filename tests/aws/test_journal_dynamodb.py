"""What only the journal on DynamoDB can show: its calls, its failures and what it leaves behind."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from remediator.aws.journal import TableJournal
from remediator.aws.table import DynamoTable
from remediator.errors import PermanentError, TemporaryError
from remediator.state import AccountLedger, Stage
from tests.aws.journal_table import TABLE, dynamodb_with_table
from tests.histories import ACCOUNT, NOW, REGION, claim, entry, freeze, spent, state, target

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CLOSED = {"stage": Stage.CLOSED}


@pytest.fixture
def client() -> "Iterator[DynamoDBClient]":
    with dynamodb_with_table() as in_the_process:
        yield in_the_process


@pytest.fixture
def journal(client: "DynamoDBClient") -> TableJournal:
    return TableJournal(DynamoTable(client, TABLE))


@pytest.fixture
def calls(client: "DynamoDBClient") -> list[str]:
    """The names of the operations as they are called."""
    called: list[str] = []
    client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: called.append(model.name)
    )
    return called


# --- how much it asks of DynamoDB --------------------------------------------------------------


def test_each_step_of_a_turn_is_one_call(journal: TableJournal, calls: list[str]) -> None:
    opened = state(mapping="mapping-1")
    journal.begin(opened)
    lease = journal.acquire("mapping-1", "me", NOW, 60)
    assert lease is not None
    ledger = journal.ledger(ACCOUNT, REGION)
    journal.frozen(["all", "orders"])
    journal.spend(
        ACCOUNT, REGION, NOW, ledger, claim(expires_at=NOW + timedelta(hours=1)), [spent()]
    )
    moved = journal.commit(opened, [entry(step=n) for n in range(20)], lease, NOW)
    lease = journal.renew(lease, NOW, 60)
    journal.commit(moved.model_copy(update=CLOSED), [entry()], lease, NOW)
    journal.release(lease)

    assert calls == [
        "TransactWriteItems",  # begin
        "UpdateItem",  # acquire
        "GetItem",  # ledger
        "BatchGetItem",  # frozen
        "TransactWriteItems",  # spend
        "TransactWriteItems",  # commit
        "UpdateItem",  # renew
        "TransactWriteItems",  # commit
        "UpdateItem",  # release
    ]


def test_lists_take_two_calls_and_nothing_more_when_there_is_nothing(
    journal: TableJournal, calls: list[str]
) -> None:
    journal.history("mapping-1")
    assert calls == ["Query"]

    journal.begin(state(mapping="mapping-1"))
    calls.clear()
    journal.history("mapping-1")
    assert calls == ["Query", "BatchGetItem"]


def test_every_read_is_strongly_consistent(journal: TableJournal, client: "DynamoDBClient") -> None:
    asked: list[dict[str, Any]] = []
    client.meta.events.register(
        "before-parameter-build.dynamodb", lambda params, **_: asked.append(dict(params))
    )
    journal.begin(state(mapping="mapping-1"))
    asked.clear()

    journal.load("incident-1")
    journal.entries("incident-1")
    journal.open_incident("mapping-1")
    journal.ledger(ACCOUNT, REGION)

    reads = [request.get("RequestItems", {TABLE: request})[TABLE] for request in asked]
    assert len(reads) == 5
    assert all(read["ConsistentRead"] is True for read in reads)


# --- what is left behind -----------------------------------------------------------------------


def items(client: "DynamoDBClient") -> dict[str, dict[str, Any]]:
    """All items by sort key; the incident's pointers stand twice and are told by their homes."""
    found = client.scan(TableName=TABLE)["Items"]
    return {f"{item['pk']['S'].split('#')[0]}/{item['sk']['S']}": item for item in found}


PLACE = "2026-11-23T18:00:00.000000+00:00#incident-1"


def test_an_open_incident_never_expires(journal: TableJournal, client: "DynamoDBClient") -> None:
    journal.begin(state(mapping="mapping-1"))

    lasting = {name for name, item in items(client).items() if "expires_at" not in item}
    assert lasting == {"INCIDENT/HEAD", f"MAPPING/OPEN#{PLACE}", f"ACCOUNT/OPEN#{PLACE}"}


def test_all_of_a_closed_incident_expires_ninety_days_later(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    opened = state(mapping="mapping-1")
    journal.begin(opened)
    closed_at = NOW + timedelta(hours=2)
    journal.commit(opened.model_copy(update=CLOSED), [entry()], None, closed_at)

    expiry = {name: item["expires_at"]["N"] for name, item in items(client).items()}
    in_ninety_days = str(int((closed_at + timedelta(days=90)).timestamp()))
    assert expiry.pop("INCIDENT/ENTRIES#000000000") < in_ninety_days
    assert expiry == dict.fromkeys(
        [
            "INCIDENT/HEAD",
            "INCIDENT/ENTRIES#000000001",
            f"MAPPING/AT#{PLACE}",
            f"ACCOUNT/AT#{PLACE}",
        ],
        in_ninety_days,
    )


def test_leases_ledgers_and_freezes_do_not_expire(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    journal.acquire("mapping-1", "me", NOW, 60)
    journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [spent()])
    journal.freeze(freeze())

    kept = items(client)
    assert set(kept) == {"MAPPING/LEASE", "ACCOUNT/LEDGER", "FREEZE/all"}
    assert not any("expires_at" in item for item in kept.values())


def test_the_usual_records_can_be_read_by_people(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    journal.begin(state())

    head = items(client)["INCIDENT/HEAD"]
    assert json.loads(head["body"]["S"])["incident_id"] == "incident-1"


def test_an_incident_that_has_expired_is_left_out_of_the_lists(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    journal.begin(state(mapping="mapping-1"))
    client.delete_item(
        TableName=TABLE, Key={"pk": {"S": "INCIDENT#incident-1"}, "sk": {"S": "HEAD"}}
    )

    assert journal.open_incident("mapping-1") is None
    assert journal.history("mapping-1") == ()


# --- answers that are lost ---------------------------------------------------------------------


class LostAnswer:
    """Lets the first request of an operation through and loses its answer."""

    def __init__(self, client: "DynamoDBClient", operation: str) -> None:
        self.tokens: list[str | None] = []
        client.meta.events.register_last(f"before-send.dynamodb.{operation}", self)

    def __call__(self, request: Any, **_: object) -> None:
        self.tokens.append(json.loads(request.body).get("ClientRequestToken"))
        if len(self.tokens) == 1:
            raise ReadTimeoutError(endpoint_url=request.url)


def test_a_commit_whose_answer_is_lost_is_tried_again_under_the_same_request_token(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    opened = state(mapping="mapping-1")
    journal.begin(opened)
    lease = journal.acquire("mapping-1", "me", NOW, 60)
    lost = LostAnswer(client, "TransactWriteItems")

    assert journal.commit(opened, [entry()], lease, NOW).version == 1

    first, second = lost.tokens
    assert first == second is not None
    assert len(journal.entries("incident-1")) == 2


def test_spending_whose_answer_is_lost_is_counted_once(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    LostAnswer(client, "TransactWriteItems")

    journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), None, [spent()])

    assert len(journal.ledger(ACCOUNT, REGION).spent) == 1


def test_a_lease_whose_answer_is_lost_is_had_all_the_same(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    LostAnswer(client, "UpdateItem")
    opened = state()
    journal.begin(opened)

    lease = journal.acquire("mapping-1", "me", NOW, 60)

    assert journal.commit(opened, [], lease, NOW).version == 1


# --- failures ----------------------------------------------------------------------------------


def refuse(stub: Stubber, operation: str, code: str, reasons: list[str] | None = None) -> None:
    modeled = {"CancellationReasons": [{"Code": reason} for reason in reasons or []]}
    stub.add_client_error(
        operation, code, "no", http_status_code=400, modeled_fields=modeled if reasons else None
    )


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("TransactionConflict", TemporaryError),
        ("ThrottlingError", TemporaryError),
        ("ProvisionedThroughputExceeded", TemporaryError),
        ("ValidationError", PermanentError),
        ("ItemCollectionSizeLimitExceeded", PermanentError),
    ],
)
def test_a_cancelled_transaction_is_told_by_its_reason(
    journal: TableJournal, client: "DynamoDBClient", reason: str, error: type[Exception]
) -> None:
    with Stubber(client) as stub:
        for _ in range(3):
            refuse(stub, "transact_write_items", "TransactionCanceledException", ["None", reason])

        with pytest.raises(error, match="TransactWriteItems"):
            journal.begin(state())


def test_a_collision_with_another_transaction_is_tried_again(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    with Stubber(client) as stub:
        conflict = ["TransactionConflict", "None"]
        refuse(stub, "transact_write_items", "TransactionCanceledException", conflict)
        stub.add_response("transact_write_items", {})

        assert journal.begin(state()) is None
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", TemporaryError),
        ("ProvisionedThroughputExceededException", TemporaryError),
        ("RequestLimitExceeded", TemporaryError),
        ("TransactionConflictException", TemporaryError),
        ("InternalServerError", TemporaryError),
        ("AccessDeniedException", PermanentError),
        ("ResourceNotFoundException", PermanentError),
    ],
)
def test_every_call_tells_what_passes_from_what_stays(
    journal: TableJournal, client: "DynamoDBClient", code: str, error: type[Exception]
) -> None:
    asking: dict[str, Callable[[], object]] = {
        "get_item": lambda: journal.load("incident-1"),
        "batch_get_item": lambda: journal.frozen(["all"]),
        "query": lambda: journal.entries("incident-1"),
        "update_item": lambda: journal.acquire("mapping-1", "me", NOW, 60),
        "delete_item": lambda: journal.unfreeze("all"),
        "transact_write_items": lambda: journal.begin(state()),
    }
    for operation, ask in asking.items():
        with Stubber(client) as stub:
            refuse(stub, operation, code)
            with pytest.raises(error, match=code):
                ask()


def test_a_denied_part_of_a_transaction_names_its_own_permission(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error(
            "transact_write_items",
            "AccessDeniedException",
            "User: arn:aws:iam::1:role/r is not authorized to perform: "
            "dynamodb:ConditionCheckItem on resource: arn:aws:dynamodb:eu-west-1:1:table/journal",
        )
        with pytest.raises(PermanentError) as denied:
            journal.begin(state())

    assert denied.value.permission == "dynamodb:ConditionCheckItem"


def test_what_a_batch_leaves_out_is_asked_for_again(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    key = {"pk": {"S": "FREEZE"}, "sk": {"S": "all"}}
    left: dict[str, Any] = {TABLE: {"Keys": [key], "ConsistentRead": True}}
    body = {"body": {"S": freeze().model_dump_json()}}
    with Stubber(client) as stub:
        stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})
        stub.add_response("batch_get_item", {"Responses": {TABLE: [key | body]}})

        assert journal.frozen(["all"]) == freeze()


def test_a_batch_that_is_never_whole_is_temporary(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    left: dict[str, Any] = {TABLE: {"Keys": [{"pk": {"S": "FREEZE"}, "sk": {"S": "all"}}]}}
    with Stubber(client) as stub:
        for _ in range(3):
            stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})

        with pytest.raises(TemporaryError, match="only a part"):
            journal.frozen(["all"])


def test_a_ledger_that_others_write_to_all_the_time_is_temporary(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    later = NOW + timedelta(hours=1)
    journal.spend(ACCOUNT, REGION, NOW, AccountLedger(), claim(expires_at=later), [])

    event = "before-parameter-build.dynamodb.TransactWriteItems"

    def another_is_faster(**_: object) -> None:
        client.meta.events.unregister(event, another_is_faster)
        ledger = journal.ledger(ACCOUNT, REGION)
        journal.spend(ACCOUNT, REGION, NOW, ledger, None, [spent(f"other-{ledger.version}")])
        client.meta.events.register(event, another_is_faster)

    client.meta.events.register(event, another_is_faster)

    with pytest.raises(TemporaryError, match="too many others"):
        journal.release_claim(ACCOUNT, REGION, "incident-1", NOW)


def test_a_target_that_becomes_known_is_kept_with_its_incident(
    journal: TableJournal, client: "DynamoDBClient"
) -> None:
    opened = state()
    journal.begin(opened)
    journal.commit(opened.model_copy(update={"target": target()}), [], None, NOW)

    assert items(client)["INCIDENT/HEAD"]["mapping"] == {"S": "mapping-1"}
