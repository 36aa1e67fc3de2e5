"""A template against what is live: what its next deploy would change, and what cannot be told."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remediator.drift import Standing, drift, template
from remediator.errors import InputError
from remediator.model import Evidence
from tests.evidence import evidence, target

SAM = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Lanes: {Type: Number, Default: 4}
  Split: {Type: String, Default: "true"}
Globals:
  Function: {Timeout: 30, MemorySize: 512}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      ReservedConcurrentExecutions: 5
      Events:
        Records:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Stream.Arn
            BatchSize: 100
            ParallelizationFactor: !Ref Lanes
            BisectBatchOnFunctionError: !Ref Split
            DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}}
            MaximumRetryAttempts: !If [Prod, 10, -1]
        Api: {Type: Api, Properties: {Path: /, Method: get}}
  Stream:
    Type: AWS::Kinesis::Stream
    Properties: {Name: orders, ShardCount: 2, RetentionPeriodHours: 48}
  Dead: {Type: AWS::SQS::Queue}
"""
PLAIN = """
Resources:
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: %s, EventSourceArn: %s}
"""


def live(**said: Any) -> Evidence:
    """The pipeline, its function made by the stack as Orders."""
    tags = {"aws:cloudformation:logical-id": "Orders"}
    return evidence(function_tags=tags, reserved_concurrency=5, **said)


def standings(text: str, seen: Evidence, **how: str) -> dict[str, tuple[str, str, object]]:
    """By setting: how it stands, what the template says, what is live."""
    rows = drift(template(text, "t.yml", how), seen)
    found: dict[str, tuple[str, str, object]] = {
        row.setting: (str(row.standing), row.template, row.live) for row in rows
    }
    assert len(found) == len(rows), "a setting is compared twice"
    return found


def test_each_setting_of_mapping_function_and_stream_is_compared() -> None:
    said = standings(SAM, live(parallelization_factor=8))
    assert said["parallelization_factor"] == ("drifted", "4", 8)
    assert said["bisect_on_error"] == ("drifted", "on", False)
    assert said["batch_size"] == ("same", "100", 100)
    assert said["reserved_concurrency"] == ("same", "5", 5)
    assert said["memory_mb"] == ("same", "512", 512)
    assert said["retention_hours"] == ("drifted", "48", 24)
    assert said["open_shards"] == ("drifted", "2", 1)


def test_what_only_a_deploy_knows_is_not_compared_and_not_guessed() -> None:
    said = standings(SAM, live())
    assert said["on_failure_destination"] == ("not comparable", "!GetAtt Dead.Arn", None)
    assert said["maximum_retry_attempts"][:2] == ("not comparable", "!If …")


def test_a_parameter_may_be_said() -> None:
    assert standings(SAM, live(parallelization_factor=8), Lanes="8")["parallelization_factor"] == (
        "same",
        "8",
        8,
    )


def test_what_the_template_does_not_say_is_lambdas_default() -> None:
    text = PLAIN % ("orders", target().source_arn)
    rows = drift(template(text, "t"), live(maximum_retry_attempts=5))
    (row,) = [row for row in rows if row.standing is Standing.DRIFTED]
    assert (row.setting, row.template, row.live, row.said) == (
        "maximum_retry_attempts",
        "-1",
        5,
        False,
    )


def test_json_is_read_as_a_cdk_app_writes_it() -> None:
    resource = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": "Fn"},
            "EventSourceArn": {"Fn::GetAtt": ["Stream", "Arn"]},
            "ParallelizationFactor": 2,
        },
    }
    text = json.dumps(
        {
            "Resources": {
                "Mapping": resource,
                "Fn": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "orders"}},
                "Stream": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "orders"}},
            }
        }
    )
    assert standings(text, evidence())["parallelization_factor"] == ("drifted", "2", 1)


@pytest.mark.parametrize(
    ("function", "stream"),
    [
        pytest.param("orders", "!ImportValue stream", id="by the function's name"),
        pytest.param(target().function_arn, target().source_arn, id="by ARN"),
        pytest.param("!Ref Parameter", "!Ref Other", id="the only one, though nothing tells"),
    ],
)
def test_the_mapping_is_found(function: str, stream: str) -> None:
    assert standings(PLAIN % (function, stream), live())


def test_a_mapping_of_another_function_or_stream_is_none() -> None:
    for function, stream in (("payments", target().source_arn), ("orders", "arn:aws:kinesis:x")):
        with pytest.raises(InputError, match="was not found; its mappings: Mapping"):
            standings(PLAIN % (function, stream), evidence())


def test_of_two_that_may_be_meant_none_is_taken_unless_one_is_named() -> None:
    two = (PLAIN % ("!Ref A", "!Ref B")) + (PLAIN % ("!Ref A", "!Ref B")).replace(
        "Mapping:", "Second:"
    ).replace("\nResources:", "")
    with pytest.raises(InputError, match=r"may be 2 of them.*--resource NAME"):
        standings(two, live())
    assert drift(template(two, "t"), live(), "Second")[0].resource == "Second"
    with pytest.raises(InputError, match=r"is not Third|was not found"):
        drift(template(two, "t"), live(), "Third")


@pytest.mark.parametrize(
    "text", ["", "[]", "a: b", "Resources: 1", "{", "\t", "a: !Sub [", "&a [*a]"]
)
def test_what_is_no_template_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InputError, match=r"t\.yml"):
        template(text, "t.yml")


def test_a_bomb_of_aliases_is_not_unfolded() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{n}: &{n} [{', '.join([f'*{chr(ord(n) - 1)}'] * 10)}]" for n in "bcdefghijk"]
    text = PLAIN % ("orders", target().source_arn) + "      ParallelizationFactor: *k\n"
    text = "\n".join(lines) + text.replace("}\n      Par", ", Par").replace("*k\n", "*k}\n")
    assert standings(text, live())["parallelization_factor"][1] == "…"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FUNCTIONS = st.fixed_dictionaries({"Fn::GetAtt": VALUES}) | st.fixed_dictionaries({"Ref": VALUES})


@given(
    st.dictionaries(
        st.sampled_from(["FunctionName", "EventSourceArn", "BatchSize"]), VALUES | FUNCTIONS
    )
)
@example({"FunctionName": None, "EventSourceArn": None, "BatchSize": ""})
@example({"FunctionName": None, "EventSourceArn": None, "BatchSize": "--5"})
def test_whatever_a_template_holds_it_is_rows_or_a_refusal(properties: dict[str, object]) -> None:
    resource = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
    text = json.dumps({"Resources": {"Mapping": resource}})
    try:
        rows = drift(template(text, "t"), live())
    except InputError:
        return
    assert all(row.template for row in rows)
