"""Lambda's control plane: functions, mappings and the account's concurrency."""

from typing import Any

from lab.bridge.alarms import stamp
from lab.bridge.services.base import Aws, Operation, Params, page
from lab.plant import AwsError
from lab.plant.function import Function


def _names(params: Params) -> tuple[str, str | None]:
    """Function name and qualifier from a name, a partial ARN or an ARN."""
    parts = str(params["FunctionName"]).split(":")
    tail = parts[6:] if parts[0] == "arn" else parts[2:] if "function" in parts[1:2] else parts
    qualifier = params.get("Qualifier") or (tail[1] if len(tail) > 1 else None)
    return tail[0], qualifier


def _function(aws: Aws, params: Params) -> Function:
    name, qualifier = _names(params)
    function = aws.world.functions.get(name)
    known = {None, "$LATEST"} | ({function.spec.alias} if function else set())
    if function is None or qualifier not in known:
        arn = aws.arn("lambda", f"function:{name}" + (f":{qualifier}" if qualifier else ""))
        raise AwsError("ResourceNotFoundException", f"Function not found: {arn}", 404)
    return function


def _unqualified(params: Params) -> str:
    name, qualifier = _names(params)
    if qualifier is not None:
        raise AwsError(
            "InvalidParameterValueException",
            "This operation is permitted on Lambda functions only. Aliases and versions do not "
            "support this operation. Please specify either a function name or an unqualified "
            "function ARN.",
        )
    return name


def get_function(aws: Aws, params: Params) -> dict[str, Any]:
    """GetFunction: configuration, tags and reservation in one call."""
    function = _function(aws, params)
    tags = aws.tags.get(aws.world.function_arn(function.name))
    return {
        "Configuration": get_function_configuration(aws, params),
        "Code": {"RepositoryType": "S3"},
        "Tags": dict(tags) if tags else None,
        "Concurrency": _reservation(function) or None,
    }


def _reservation(function: Function) -> dict[str, int]:
    reserved = function.reserved_concurrency
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


def get_function_configuration(aws: Aws, params: Params) -> dict[str, Any]:
    """GetFunctionConfiguration. An alias answers with its own ARN; LastModified is a string."""
    _, qualifier = _names(params)
    configuration = _function(aws, params).configuration()
    suffix = f":{qualifier}" if qualifier else ""
    return configuration | {
        "FunctionArn": configuration["FunctionArn"] + suffix,
        "LastModified": stamp(configuration["LastModified"]),
    }


def get_function_concurrency(aws: Aws, params: Params) -> dict[str, Any]:
    """GetFunctionConcurrency: ``{}`` when nothing is reserved."""
    return _reservation(_function(aws, params))


def put_function_concurrency(aws: Aws, params: Params) -> dict[str, Any]:
    """PutFunctionConcurrency: synchronous."""
    name = _unqualified(params)
    _function(aws, params)
    aws.world.put_function_concurrency(name, params["ReservedConcurrentExecutions"])
    return {"ReservedConcurrentExecutions": params["ReservedConcurrentExecutions"]}


def delete_function_concurrency(aws: Aws, params: Params) -> dict[str, Any]:
    """DeleteFunctionConcurrency."""
    name = _unqualified(params)
    _function(aws, params)
    aws.world.delete_function_concurrency(name)
    return {}


def update_function_configuration(aws: Aws, params: Params) -> dict[str, Any]:
    """UpdateFunctionConfiguration: memory and timeout only; asynchronous."""
    name = _unqualified(params)
    _function(aws, params)
    unknown = set(params) - {"FunctionName", "MemorySize", "Timeout"}
    if unknown:
        raise NotImplementedError(f"the lab's functions have no {', '.join(sorted(unknown))}")
    return aws.world.update_function_configuration(
        name, memory_mb=params.get("MemorySize"), timeout_seconds=params.get("Timeout")
    )


def get_account_settings(aws: Aws, _: Params) -> dict[str, Any]:
    """GetAccountSettings."""
    limit = aws.world.account.settings()
    return {"AccountLimit": limit, "AccountUsage": {"FunctionCount": len(aws.world.functions)}}


def get_event_source_mapping(aws: Aws, params: Params) -> dict[str, Any]:
    """GetEventSourceMapping."""
    return aws.world.find_mapping(params["UUID"]).describe()


def list_event_source_mappings(aws: Aws, params: Params) -> dict[str, Any]:
    """ListEventSourceMappings by function, by source, or all; at most 100 a page.

    A source's ARN lists exactly the mappings of that ARN: not those of the stream's registered
    consumers. An unqualified function does not list the mappings of its aliases (both: the less
    convenient reading of what AWS leaves open).
    """
    everything = [mapping.describe() for _, mapping in sorted(aws.world.mappings.items())]
    found = [mapping for mapping in everything if _wanted(aws, params, mapping)]
    size = min(100, params.get("MaxItems", 100))
    shown, marker = page(found, params.get("Marker"), size)
    return {"EventSourceMappings": shown, "NextMarker": marker}


def _wanted(aws: Aws, params: Params, mapping: dict[str, Any]) -> bool:
    source = params.get("EventSourceArn", mapping["EventSourceArn"])
    if "FunctionName" not in params:
        return bool(source == mapping["EventSourceArn"])
    name, qualifier = _names(params)
    arn = aws.arn("lambda", f"function:{name}" + (f":{qualifier}" if qualifier else ""))
    return bool(source == mapping["EventSourceArn"] and mapping["FunctionArn"] == arn)


def update_event_source_mapping(aws: Aws, params: Params) -> dict[str, Any]:
    """UpdateEventSourceMapping: accepted (202), in effect later."""
    changes = {key: value for key, value in params.items() if key != "UUID"}
    return aws.world.update_event_source_mapping(params["UUID"], changes)


def create_event_source_mapping(aws: Aws, params: Params) -> dict[str, Any]:
    """CreateEventSourceMapping."""
    return aws.world.create_event_source_mapping(params)


def delete_event_source_mapping(aws: Aws, params: Params) -> dict[str, Any]:
    """DeleteEventSourceMapping."""
    return aws.world.delete_event_source_mapping(params["UUID"])


def list_aliases(aws: Aws, params: Params) -> dict[str, Any]:
    """ListAliases: a function of the lab has one at most."""
    function = _function(aws, {"FunctionName": _unqualified(params)})
    alias = function.spec.alias
    arn = aws.arn("lambda", f"function:{function.name}:{alias}")
    named = {"Name": alias, "AliasArn": arn, "FunctionVersion": "1"}
    return {"Aliases": [named] if alias else []}


def list_tags(aws: Aws, params: Params) -> dict[str, Any]:
    """ListTags."""
    return {"Tags": dict(aws.tags.get(params["Resource"], {}))}


OPERATIONS: dict[str, Operation] = {
    "CreateEventSourceMapping": create_event_source_mapping,
    "DeleteEventSourceMapping": delete_event_source_mapping,
    "DeleteFunctionConcurrency": delete_function_concurrency,
    "GetAccountSettings": get_account_settings,
    "GetEventSourceMapping": get_event_source_mapping,
    "GetFunction": get_function,
    "GetFunctionConcurrency": get_function_concurrency,
    "GetFunctionConfiguration": get_function_configuration,
    "ListAliases": list_aliases,
    "ListEventSourceMappings": list_event_source_mappings,
    "ListTags": list_tags,
    "PutFunctionConcurrency": put_function_concurrency,
    "UpdateEventSourceMapping": update_event_source_mapping,
    "UpdateFunctionConfiguration": update_function_configuration,
}
