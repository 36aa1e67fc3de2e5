"""The shipped template and the built artifact, deployed by CloudFormation."""

import io
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.ministack import REGION, MiniStack
from tests.e2e.processes import EndpointError

ROOT = Path(__file__).parents[2]
STACK = "remediator"
_BUCKET = "artifacts"
_WITHIN_SECONDS = 60


def deploy(
    aws: MiniStack, code: Mapping[str, bytes], consumer: str, **parameters: str
) -> dict[str, str]:
    """The stack's outputs. Raises EndpointError where CloudFormation does not complete it."""
    where = {"LocationConstraint": REGION}
    aws.s3.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration=where)
    aws.s3.put_object(Bucket=_BUCKET, Key="remediator.zip", Body=packed(code))
    given = {
        "TargetFunction": consumer,
        "Mode": "apply",
        # MiniStack's alarms call topics only, and know no metric math.
        "AlarmDelivery": "sns",
        "EarlyWarningSlope": "0",
        **parameters,
    }
    aws.cloudformation.create_stack(
        StackName=STACK,
        TemplateBody=_packaged(),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
    )
    stack = _settled(aws)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise EndpointError(f"{stack['StackStatus']}: {_failures(aws)}")
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def remove(aws: MiniStack) -> None:
    """Delete the stack. Raises EndpointError where CloudFormation does not."""
    aws.cloudformation.delete_stack(StackName=STACK)
    stack = _settled(aws)
    if stack.get("StackStatus", "DELETE_COMPLETE") != "DELETE_COMPLETE":
        raise EndpointError(f"{stack['StackStatus']}: {_failures(aws)}")


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def packed(files: Mapping[str, bytes]) -> bytes:
    """Files as Lambda takes them."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as into:
        for name, content in files.items():
            into.writestr(name, content)
    return archive.getvalue()


def _packaged() -> str:
    """As ``sam package`` writes it: the folder's place is taken by what was uploaded."""
    text = (ROOT / "template.yml").read_text(encoding="utf-8")
    return text.replace("CodeUri: .", f"CodeUri: s3://{_BUCKET}/remediator.zip")


def _settled(aws: MiniStack) -> Mapping[str, Any]:
    until = time.monotonic() + _WITHIN_SECONDS
    while time.monotonic() < until:
        try:
            (stack,) = aws.cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        except aws.cloudformation.exceptions.ClientError:
            return {}
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            found: Mapping[str, Any] = stack
            return found
        time.sleep(0.2)
    raise EndpointError(f"the stack is not done after {_WITHIN_SECONDS} s")


def _failures(aws: MiniStack) -> list[str]:
    events = aws.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
        for event in events
        if "FAILED" in event["ResourceStatus"]
    ]
