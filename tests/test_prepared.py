"""What the build writes beside a YAML file: believed where it was made of the file's very bytes."""

import json
from pathlib import Path

import pytest

from remediator.errors import FileError
from remediator.model import Mode
from remediator.policy_file import load
from remediator.prepared import prepare

SHIPPED = Path(__file__).parent.parent / "policies" / "guardrails.yml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "guardrails.yml"


def test_the_shipped_policy_is_the_same_by_what_is_prepared(file: Path) -> None:
    file.write_bytes(SHIPPED.read_bytes())
    prepare(file)
    assert load(file) == load(SHIPPED)


def test_what_is_prepared_stands_in_the_files_place_until_the_file_is_changed(file: Path) -> None:
    file.write_text("mode: plan")
    prepare(file)
    beside = file.with_suffix(".json")
    told = json.loads(beside.read_text())
    beside.write_text(json.dumps(told | {"values": {"mode": "apply"}}))
    assert load(file).mode is Mode.APPLY
    file.write_text("freeze: true")
    assert (load(file).mode, load(file).freeze) == (Mode.PLAN, True)


@pytest.mark.parametrize("beside", ["", "{", "[]", "null", '{"sha256": null}'])
def test_where_nothing_sound_is_prepared_the_file_is_read(file: Path, beside: str) -> None:
    file.write_text("freeze: true")
    file.with_suffix(".json").write_text(beside)
    assert load(file).freeze


def test_a_wrong_file_is_told_of_by_line_though_it_was_prepared(file: Path) -> None:
    file.write_text("mode: plan\nfreeze: 3\n")
    prepare(file)
    with pytest.raises(FileError, match=r"yml:2: freeze"):
        load(file)


@pytest.mark.parametrize("text", [b"a: &b 1", b"a: [", b"\xff", b"a: 2026-11-26"])
def test_of_what_is_no_plain_yaml_nothing_is_prepared(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    prepare(file)
    assert not file.with_suffix(".json").exists()
