"""The SDK's own codecs, turned round: its parsers read requests, its serialisers write responses.

What the plant sees is what would have gone over the wire, so parameter validation, defaults and
types are the SDK's, and a response is parsed by the SDK as if AWS had sent it. Protocols: ``json``
(Kinesis, DynamoDB Streams, CloudWatch) and ``rest-json`` (Lambda, Scheduler); of ``query`` (SNS),
which only moto answers, the flat parameters are read for the record.
"""

import json
import re
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape
from botocore.parsers import BaseXMLResponseParser, ResponseParserFactory
from botocore.serialize import create_serializer

from lab.plant import AwsError

_HEADERS = {"x-amzn-requestid": "00000000-0000-4000-8000-000000000000"}
_PARSERS = ResponseParserFactory()
_LOADER = Loader()


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    """Botocore's model of one operation; ``service`` as in ``boto3.client(service)``."""
    return _service_model(service).operation_model(operation)


@cache
def _service_model(service: str) -> ServiceModel:
    return ServiceModel(_LOADER.load_service_model(service, "service-2"), service_name=service)


def _protocol(operation: OperationModel) -> str:
    return str(operation.service_model.resolved_protocol)


@cache
def _parser(protocol: str) -> Any:
    return _PARSERS.create_parser(protocol)


@cache
def _serializer(protocol: str) -> Any:
    return create_serializer(protocol, include_validation=False)


# --- requests ----------------------------------------------------------------------------------


def decode(operation: OperationModel, request: AWSPreparedRequest) -> dict[str, Any]:
    """The parameters of a prepared request, by the names of the API."""
    shape = operation.input_shape
    if shape is None:
        return {}
    body = _body(request)
    if _protocol(operation) == "query":
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    parser = _parser(_protocol(operation))
    parsed = _parsed_body(parser, shape, body)
    if _protocol(operation).startswith("rest"):
        parsed |= _from_url(parser, operation, shape, str(request.url))
    return parsed


def _body(request: AWSPreparedRequest) -> bytes:
    body: Any = request.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)


def _parsed_body(parser: Any, shape: StructureShape, body: bytes) -> dict[str, Any]:
    if not body or isinstance(parser, BaseXMLResponseParser):
        return {}
    read = getattr(parser, "_initial_body_parse", None) or parser._parse_body_as_json  # noqa: SLF001
    return dict(parser._parse_shape(shape, read(body)))  # noqa: SLF001


def _from_url(
    parser: Any, operation: OperationModel, shape: StructureShape, url: str
) -> dict[str, Any]:
    parts = urlsplit(url)
    found = dict(parse_qsl(parts.query, keep_blank_values=True))
    matched = _path_pattern(str(operation.http["requestUri"])).fullmatch(parts.path)
    if matched:
        found |= {name: unquote(value) for name, value in matched.groupdict().items()}
    return {
        member: parser._parse_shape(inner, found[name])  # noqa: SLF001
        for member, inner in shape.members.items()
        if inner.serialization.get("location") in {"uri", "querystring"}
        and (name := inner.serialization.get("name", member)) in found
    }


@cache
def _path_pattern(template: str) -> re.Pattern[str]:
    path = template.split("?", 1)[0]
    return re.compile(re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", path))


# --- responses ---------------------------------------------------------------------------------


def respond(operation: OperationModel, url: str, result: dict[str, Any]) -> AWSResponse:
    """A success with ``result``; keys are the API's names, ``None`` values are left out."""
    status = int(operation.http.get("responseCode", 200))
    body = b"" if operation.output_shape is None else _encoded(operation, _without_none(result))
    return raw_response(url, status, _HEADERS, body)


def refuse(operation: OperationModel, url: str, error: AwsError) -> AWSResponse:
    """An error as the operation's protocol shapes it."""
    protocol = _protocol(operation)
    shapes = {"query": _error_in_xml, "rest-xml": _plain_error_in_xml}
    body = shapes.get(protocol, _error_in_json)(error)
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


def _encoded(operation: OperationModel, result: dict[str, Any]) -> bytes:
    plain: dict[str, Any] = {}
    serializer = _serializer(_protocol(operation))
    serializer._serialize(plain, result, operation.output_shape)  # noqa: SLF001
    return json.dumps(plain).encode()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_none(inner) for inner in value]
    return value
