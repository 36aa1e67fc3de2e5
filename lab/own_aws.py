"""Moto behind an endpoint on this machine, for a process of its own that must not hold moto."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from moto.core.models import botocore_stubber

from lab.bridge.bridge import forget_moto

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION, ACCOUNT = "eu-west-1", "123456789012"
CONSUMER, JOURNAL = "orders", "journal"
_SIGNED = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_UNKNOWN = json.dumps({"__type": "UnknownOperationException", "message": "not in moto"}).encode()


class _ToMoto(BaseHTTPRequestHandler):
    """Each request as AWS's host would get it, told by what it was signed for."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        signed = _SIGNED.search(self.headers.get("Authorization", ""))
        region, service = signed.groups() if signed else (REGION, "sts")
        url = f"https://{service}.{region}.amazonaws.com{self.path}"
        request = AWSPreparedRequest(self.command, url, HTTPHeaders(), body, stream_output=False)
        for name, value in self.headers.items():
            request.headers[name] = value
        request.headers["x-moto-account-id"] = ACCOUNT
        status, headers, answer = _from_moto(request)
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "date", "server", "connection"}:
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's names

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


def _from_moto(request: AWSPreparedRequest) -> tuple[int, dict[str, Any], bytes]:
    try:
        answered = botocore_stubber.process_request(request)
    except NotImplementedError:
        answered = None
    if answered is None:
        return 400, {"x-amzn-errortype": "UnknownOperationException"}, _UNKNOWN
    status, headers, body = answered
    return status, dict(headers), body.encode() if isinstance(body, str) else bytes(body)


@contextmanager
def served() -> Iterator[dict[str, str]]:
    """An account with a stream, its consumer and a journal: the environment that leads there."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ToMoto)
    Thread(target=server.serve_forever, daemon=True).start()
    environ = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "AKIALABLABLABLABLAB0",
        "AWS_SECRET_ACCESS_KEY": "no-secret-of-anybody",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    try:
        _furnish(environ)
        yield environ
    finally:
        server.shutdown()
        server.server_close()
        forget_moto()


def make_journal_table(dynamodb: "DynamoDBClient", name: str) -> None:
    """The journal's table, as ``template.yml`` makes it."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )


def _furnish(environ: dict[str, str]) -> None:
    def client(service: str) -> Any:
        make: Any = boto3.Session(
            environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], region_name=REGION
        ).client
        return make(service, endpoint_url=environ["AWS_ENDPOINT_URL"])

    make_journal_table(client("dynamodb"), JOURNAL)
    client("sns").create_topic(Name="notices")
    client("kinesis").create_stream(StreamName="orders", ShardCount=1)
    role = client("iam").create_role(RoleName="orders", AssumeRolePolicyDocument="{}")
    client("lambda").create_function(
        FunctionName=CONSUMER,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="index.handler",
        Code={"ZipFile": _code()},
    )
    client("lambda").create_event_source_mapping(
        FunctionName=CONSUMER,
        EventSourceArn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders",
        StartingPosition="TRIM_HORIZON",
    )


def _code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "handler = print")
    return packed.getvalue()
