"""Checks of the remediator itself: does it run, may it act, by which rules."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from remediator import wiring
from remediator.cli import permissions
from remediator.cli.permissions import Audience
from remediator.model import Mode

if TYPE_CHECKING:
    pass

from remediator.cli.doctor.finding import Finding, Patient, fail, ok, warn


def runs(who: Patient) -> Finding:
    """Whether Lambda would run it."""
    of = who.inspector.deployment(who.arn)
    if of.reserved_concurrency == 0:
        return fail("its reserved concurrency is 0: it never runs", "Set ReservedConcurrency.")
    if of.state not in {"Active", "Inactive"} or of.last_update != "Successful":
        return fail(f"it is {of.state}, its last update {of.last_update}", "Deploy it anew.")
    if of.reserved_concurrency is None:
        return warn(
            "it has no concurrency of its own, and cannot run when the account's is exhausted",
            "Set the template's ReservedConcurrency.",
        )
    return ok(f"{of.state}, with {of.reserved_concurrency} concurrent executions of its own")


def mode(who: Patient) -> Finding:
    """Whether it may act, and upon what."""
    of = ", ".join(who.settings.target_functions) or "any function"
    if who.settings.mode is not Mode.APPLY:
        return ok(f"plan: it says what it would do for {of}, and changes nothing")
    return ok(f"apply: it changes {of}, within the policy")


def policy(who: Patient) -> Finding:
    """Under which rules it works, as far as they can be read from here."""
    source = wiring.rules(who.office.settings, who.office.clients)[1]
    if source.problem:
        return fail(source.problem, "Mend it, and look at: remediator policy check FILE")
    return ok(f"{source.file}, sha256 {source.sha256[:12]}")


def role(who: Patient) -> Finding:
    """Whether its role may do what policies/iam.yml says, by IAM's own simulation."""
    its = who.inspector.deployment(who.arn).role_arn
    lacking = {
        action
        for one in permissions.document(Audience.FUNCTION, _said(who))["Statement"]
        for action in who.inspector.denied(its, one["Action"], *_asked(one))
    }
    if lacking:
        return fail(
            f"its role lacks {', '.join(sorted(lacking))}",
            "Compare it with: remediator iam --for function",
        )
    return ok("its role may do all that policies/iam.yml says")


def _asked(statement: Mapping[str, Any]) -> tuple[list[str], dict[str, list[str]]]:
    """The resources of a statement, and a request of which its conditions are true."""
    context = {
        key: [value] if isinstance(value, str) else value
        for wanted in statement.get("Condition", {}).values()
        for key, value in wanted.items()
    }
    return [one for one in statement["Resource"] if "${" not in one] or ["*"], context


def _said(who: Patient) -> dict[str, str]:
    """What the permissions' places stand for in this deployment."""
    here, of, looked = who.here, who.settings, who.inspector.deployment(who.arn)
    at = f"{here.region}:{here.account_id}"
    table, group = of.journal_table or "", looked.log_group or ""
    said = {
        "AWS::Partition": here.partition,
        "AWS::Region": here.region,
        "AWS::AccountId": here.account_id,
        "TargetFunction": of.target_function,
        "TargetFunction2": of.target_function_2,
        "TargetFunction3": of.target_function_3,
        "TargetFunction4": of.target_function_4,
        "Journal.Arn": f"arn:{here.partition}:dynamodb:{at}:table/{table}" if table else None,
        "FollowUpRole.Arn": of.follow_up_role_arn,
        "Notices": of.notices_topic_arn,
        "Quarantine.Arn": of.quarantine_queue_arn,
        "CaptureBucket": of.capture_bucket,
        "FreezeParameter": of.freeze_parameter,
        "PolicyParameter": of.policy_parameter,
        "PolicyConfiguration": of.policy_configuration,
        "SharedJournal": of.shared_journal,
        "TaggedFunctionsOnly": of.tagged_functions_only,
        "DeadLetters.Arn": looked.dead_letters_arn,
        "LogGroup.Arn": f"arn:{here.partition}:logs:{at}:log-group:{group}:*" if group else None,
    }
    return {name: value for name, value in said.items() if value}
