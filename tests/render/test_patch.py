"""The patch that makes permanent what holds: each language takes it, whatever its values are."""

import json

import pytest
import yaml
from cfnlint.decode.cfn_yaml import loads

from remediator.drift import Standing, drift, template
from remediator.model import ResourceKind, SourceKind, Value
from remediator.render.patch import NAMES, Held, blocks
from remediator.settings_table import SETTINGS
from tests.evidence import QUARANTINE, evidence, target
from tests.fuzz.mutating import HOSTILE
from tests.golden import golden

ALL = (
    Held(ResourceKind.EVENT_SOURCE_MAPPING, "parallelization_factor", 8),
    Held(ResourceKind.EVENT_SOURCE_MAPPING, "bisect_on_error", value=True),
    Held(ResourceKind.EVENT_SOURCE_MAPPING, "maximum_retry_attempts", 14),
    Held(ResourceKind.EVENT_SOURCE_MAPPING, "on_failure_destination", QUARANTINE),
    Held(ResourceKind.FUNCTION, "reserved_concurrency", 20),
    Held(ResourceKind.STREAM, "retention_hours", 168),
    Held(ResourceKind.STREAM, "shard_count", 2),
)


def said(*held: Held, kind: SourceKind = SourceKind.KINESIS) -> dict[str, str]:
    return {block.title: "\n".join(block.lines) + "\n" for block in blocks(target(kind), held)}


def test_each_language_reads_as_it_was_reviewed() -> None:
    shown = "\n".join(f"--- {title}\n{text}" for title, text in said(*ALL).items())
    assert shown == golden("patch.txt", shown)


@pytest.mark.parametrize("language", ["AWS SAM", "CloudFormation"])
def test_a_template_with_the_patch_says_what_is_live(language: str) -> None:
    """Merged into a template, nothing has drifted any more."""
    text = said(*ALL)[language]
    merged = yaml.safe_load(text)
    for resource in merged["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            properties |= {"FunctionName": "orders", "EventSourceArn": target().source_arn}
        if resource["Type"] == "AWS::Serverless::Function":
            properties |= {"FunctionName": "orders", "MemorySize": 512, "Timeout": 30}
            properties["Events"]["THE_EVENT"]["Properties"]["Stream"] = target().source_arn
    live = evidence(
        shards=2,
        parallelization_factor=8,
        bisect_on_error=True,
        maximum_retry_attempts=14,
        on_failure_destination=QUARANTINE,
        reserved_concurrency=20,
        retention_hours=168,
    )
    rows = drift(template(json.dumps(merged), "t"), live)
    assert [row for row in rows if row.standing is not Standing.SAME] == []


def test_a_table_is_an_event_source_of_its_own_kind() -> None:
    lanes = ALL[0]
    text = said(lanes, kind=SourceKind.DYNAMODB)
    assert "Type: DynamoDB" in text["AWS SAM"]
    assert "DynamoEventSource(table" in text["AWS CDK (TypeScript)"]


def test_what_is_to_be_without_a_value_is_said_to_be_without() -> None:
    text = said(Held(ResourceKind.FUNCTION, "reserved_concurrency", None))
    assert all("# without" in part or "// without" in part for part in text.values())


def test_what_no_template_can_say_has_no_patch() -> None:
    assert said(Held(ResourceKind.HASH_RANGE, "shards", 2)) == {}
    assert said(Held(ResourceKind.STREAM, "shard_count", None)) == {}


def test_what_an_alias_releases_is_the_function_s_in_a_template() -> None:
    behind = said(Held(ResourceKind.ALIAS, "released_memory_mb", 1024))
    assert behind
    assert behind == said(Held(ResourceKind.FUNCTION, "memory_mb", 1024))


@pytest.mark.parametrize("word", HOSTILE)
def test_a_value_stays_a_value_in_every_language(word: str) -> None:
    value: Value = f'arn:aws:sqs:{word}${{file(1)}}%{{if}}"\n'
    text = said(Held(ResourceKind.EVENT_SOURCE_MAPPING, "on_failure_destination", value))
    for language in ("AWS SAM", "CloudFormation"):
        loads(text[language])
    hcl = next(line for line in text["Terraform"].splitlines() if "destination_arn" in line)
    assert "$${file(1)}%%{if}" in hcl
    assert '\\"' in hcl
    assert len(text["Terraform"].splitlines()) == 6


def test_every_setting_that_a_template_can_say_has_its_names_in_each_language() -> None:
    assert {row.name for row in SETTINGS.values() if row.field} <= set(NAMES)
