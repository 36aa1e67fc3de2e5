"""Whoever runs the remediator: deploys it, reads its messages, talks to it by its two doors."""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e import stack
from tests.e2e.ministack import ACCOUNT, REGION, MiniStack

_COMMAND_WITHIN_SECONDS = 60
_INBOX = "inbox"


class Operator:
    """One deployment and its notices."""

    def __init__(
        self, aws: MiniStack, code: Mapping[str, bytes], consumer: str, **parameters: str
    ) -> None:
        self.aws = aws
        self._told: list[tuple[str, str]] = []
        self.outputs = stack.deploy(aws, code, consumer, **parameters)
        self._inbox: str = aws.sqs.create_queue(QueueName=_INBOX)["QueueUrl"]
        inbox = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{_INBOX}"
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}}
        policy = {"Statement": [allow | {"Action": "sqs:SendMessage", "Resource": inbox}]}
        aws.sqs.set_queue_attributes(
            QueueUrl=self._inbox,
            Attributes={"Policy": json.dumps({"Version": "2012-10-17", **policy})},
        )
        aws.sns.subscribe(TopicArn=self.outputs["NoticesTopicArn"], Protocol="sqs", Endpoint=inbox)

    def opt_in(self, role: str, stream: str) -> None:
        """Let it capture what poisons the stream, and change the stream itself."""
        policy = self.outputs["QuarantineSendPolicyArn"]
        self.aws.iam.attach_role_policy(RoleName=role, PolicyArn=policy)
        self.aws.kinesis.add_tags_to_stream(StreamName=stream, Tags={"remediator": "managed"})

    def forbid(self, action: str) -> None:
        """Take one action from the running function's role."""
        role = self.aws.cloudformation.describe_stack_resource(
            StackName=stack.STACK, LogicalResourceId="RemediatorRole"
        )["StackResourceDetail"]["PhysicalResourceId"]
        denied = {"Effect": "Deny", "Action": action, "Resource": "*"}
        self.aws.iam.put_role_policy(
            RoleName=role,
            PolicyName="forbidden",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [denied]}),
        )

    def environ(self) -> dict[str, str]:
        """The running function's variables, as the template has set them."""
        found: dict[str, str] = self.aws.lambda_.get_function_configuration(
            FunctionName=self.outputs["FunctionName"]
        )["Environment"]["Variables"]
        return found

    def send_through(self, proxy: str) -> None:
        """From now on the running function finds AWS behind a proxy."""
        variables = self.environ() | {"AWS_ENDPOINT_URL": proxy}
        self.aws.lambda_.update_function_configuration(
            FunctionName=self.outputs["FunctionName"], Environment={"Variables": variables}
        )

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The running function's answer to an event by hand."""
        answer = self.aws.lambda_.invoke(
            FunctionName=self.outputs["FunctionName"], Payload=json.dumps(event).encode()
        )
        said: dict[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise AssertionError(said)
        return said

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command of ``remediator``, as a process of its own, piped."""
        program = Path(sys.executable).parent / "remediator"
        return subprocess.run(
            [program, *arguments],
            env={
                **self.aws.environ,
                "REMEDIATOR_FUNCTION": self.outputs["FunctionName"],
                "HOME": str(self.aws.folder),
            },
            cwd=self.aws.folder,
            capture_output=True,
            text=True,
            timeout=_COMMAND_WITHIN_SECONDS,
            check=False,
        )

    def asked(self, *arguments: str) -> Any:
        """What a command answers as JSON."""
        ended = self.run(*arguments, "--format", "json")
        assert ended.returncode in {0, 3, 4}, ended.stderr
        return json.loads(ended.stdout)

    def pasted(self, verb: str, *more: str) -> subprocess.CompletedProcess[str]:
        """The newest command of a verb that a message has, run as it stands there."""
        lines = [line.strip() for _, text in self.told() for line in text.splitlines()]
        found = [line for line in lines if line.startswith(f"remediator {verb} ")]
        return self.run(*shlex.split(found[-1])[1:], *more)

    def told(self) -> list[tuple[str, str]]:
        """Subject and text of every message so far, oldest first."""
        while batch := self.aws.sqs.receive_message(
            QueueUrl=self._inbox, MaxNumberOfMessages=10
        ).get("Messages"):
            for one in batch:
                body = json.loads(one["Body"])
                self._told.append((body["Subject"], body["Message"]))
                self.aws.sqs.delete_message(
                    QueueUrl=self._inbox, ReceiptHandle=one["ReceiptHandle"]
                )
        return self._told
