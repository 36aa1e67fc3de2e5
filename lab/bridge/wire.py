"""What goes over the wire, between the SDK's clients and the plant: moto's codecs, by AWS's models.

The plant sees what AWS would have got, so parameter validation, defaults and types are the SDK's,
and a response is parsed by the SDK as if AWS had sent it.
"""

import json
import re
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.utils import parse_timestamp
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import normalize_request
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

from lab.plant import AwsError

_HEADERS = {"x-amzn-requestid": "00000000-0000-4000-8000-000000000000"}


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """AWS's model of one operation; ``service`` as in ``boto3.client(service)``."""
    model: OperationModel = get_service_model(service).operation_model(operation)
    return model


def _protocol(operation: OperationModel) -> str:
    """The one that the SDK chooses of those that a service speaks."""
    return str(operation.service_model.resolved_protocol)


def decode(operation: OperationModel, request: AWSPreparedRequest) -> dict[str, Any]:
    """The parameters of a prepared request, by the names of the API."""
    protocol = _protocol(operation)
    parser = PROTOCOL_PARSERS[protocol](operation, timestamp_parser=parse_timestamp)
    if protocol == "json":  # all is in the body
        return dict(parser.parse({"body": request.body}))  # type: ignore[typeddict-item]
    got = normalize_request(request)
    return dict(
        parser.parse(
            {
                "method": got.method,
                "values": got.values,
                "headers": got.headers,
                "body": got.data,
                "url_path": got.path,
                "url_params": _in_path(operation, str(request.url)),
            }
        )
    )


def _in_path(operation: OperationModel, url: str) -> dict[str, str]:
    matched = _path_pattern(str(operation.http["requestUri"])).fullmatch(urlsplit(url).path)
    found = matched.groupdict() if matched else {}
    return {name: unquote(value) for name, value in found.items()}


@cache
def _path_pattern(template: str) -> re.Pattern[str]:
    path = template.split("?", 1)[0]
    return re.compile(re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", path))


def respond(operation: OperationModel, url: str, result: dict[str, Any]) -> AWSResponse:
    """A success with ``result``; keys are the API's names, ``None`` values are left out."""
    serializer = get_serializer_class(operation.service_model.service_name, _protocol(operation))
    response = serializer(operation).serialize(_without_none(result))
    headers = _HEADERS | {name: str(value) for name, value in response["headers"].items()}
    return raw_response(url, response["status_code"], headers, str(response["body"]).encode())


def refuse(operation: OperationModel, url: str, error: AwsError) -> AWSResponse:
    """An error as the operation's protocol shapes it, also one that its model does not name."""
    shapes = {"query": _error_in_xml, "rest-xml": _plain_error_in_xml}
    body = shapes.get(_protocol(operation), _error_in_json)(error)
    headers = _HEADERS | {"x-amzn-errortype": error.code}
    return raw_response(url, error.http_status, headers, body.encode())


def _error_in_json(error: AwsError) -> str:
    return json.dumps({"__type": error.code, "message": error.message})


def _error_in_xml(error: AwsError) -> str:
    return f"<ErrorResponse>{_plain_error_in_xml(error)}</ErrorResponse>"


def _plain_error_in_xml(error: AwsError) -> str:
    said = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    return f"<Error><Type>Sender</Type>{said}</Error>"


def raw_response(url: str, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    """A response as botocore's HTTP session would hand it over."""
    return AWSResponse(url, status, headers, _Stream(body))  # type: ignore[arg-type]


class _Stream(BytesIO):
    """What urllib3's response offers to botocore."""

    def stream(self, **_: object) -> Any:
        """The body, in one piece."""
        yield self.read()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_none(inner) for inner in value]
    return value
