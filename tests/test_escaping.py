"""What comes from outside is shown, and obeyed by nothing: one way for each kind of output."""

import html
import json
import re
import shlex
import subprocess

import pytest

from remediator import escaping, policy_file, replay
from remediator.errors import InputError
from tests.fuzz.mutating import HOSTILE
from tests.fuzz.test_fuzz import harmless_lines, harmless_markdown


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_words_are_harmless_in_every_kind_of_output(word: str) -> None:
    harmless_lines(escaping.printed(escaping.visible(word)))
    harmless_lines(escaping.printed(escaping.paragraphs(word)))
    harmless_markdown(escaping.markdown(word))
    harmless_markdown(escaping.fenced([word, "echo"]))
    said = escaping.annotation(word)
    assert "\n" not in said
    assert "\r" not in said
    assert not set(escaping.annotation_property(word)) & set(":,\n\r")


@pytest.mark.parametrize("word", [word for word in HOSTILE if "\ud800" not in word])
def test_json_that_is_printed_is_harmless_and_still_says_the_same(word: str) -> None:
    said = escaping.json_text(json.dumps({"a": word, word: [1]}, indent=1, ensure_ascii=False))
    harmless_lines(said)
    assert json.loads(said) == {"a": word, word: [1]}


@pytest.mark.parametrize("word", [*HOSTILE, "", "a b", "-n", "it's", "*", "~"])
def test_a_hostile_word_is_one_word_of_a_shell_line(word: str) -> None:
    line = escaping.command("printf", "%s|", word, "end")
    assert shlex.split(line) == ["printf", "%s|", escaping.visible(word), "end"]
    ran = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{escaping.visible(word)}|end|"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("::error::x", "\\::error::x"),
        (" \t::warning::x", " \t\\::warning::x"),
        ("\x1b[1m::error::x", "\x1b[1m\\::error::x"),
        ("arn:aws:iam::1:role/x", "arn:aws:iam::1:role/x"),
        ("say ##[group]x", "say ##\\[group]x"),
    ],
)
def test_a_line_that_is_printed_is_no_workflow_command(line: str, shown: str) -> None:
    assert escaping.printed(f"a\n{line}\nb") == f"a\n{shown}\nb"


def test_a_name_that_is_too_long_is_cut_and_says_so() -> None:
    assert escaping.shortened("x" * 100) == "x" * 60 + "…"
    assert escaping.shortened("x" * 60) == "x" * 60


@pytest.mark.parametrize("word", [*HOSTILE, "", " ", "a.b", "a: b", 'a"b'])
def test_a_field_s_path_ends_where_it_ends_whatever_the_field_is_called(word: str) -> None:
    path = escaping.field_path(("evidence", word, 0))
    inside = re.fullmatch(r'evidence\.("(?:[^"\\]|\\.)*"|[^\s.:"]+)\.0', path)
    assert inside, path
    harmless_lines(escaping.printed(path))


@pytest.mark.parametrize("word", [*HOSTILE, "", " "])
def test_what_is_wrong_in_a_bundle_or_a_policy_is_named_first(word: str) -> None:
    with pytest.raises(InputError, match=r"^evidence b\.json: \S"):
        replay.bundle(json.dumps({word: 1}), "b.json")
    with pytest.raises(InputError, match=r"^p\.yml:1: \S"):
        policy_file.parse(json.dumps({word: 1}), "p.yml")


@pytest.mark.parametrize("word", [word for word in HOSTILE if "\ud800" not in word])
def test_markup_ends_no_element_and_no_attribute(word: str) -> None:
    assert not set(escaping.markup(word)) & set("<>\"'`\n")
    assert html.unescape(escaping.markup(word)) == escaping.visible(word)


@pytest.mark.parametrize("word", [word for word in HOSTILE if "\ud800" not in word])
def test_json_in_markup_says_the_same_and_holds_no_tag(word: str) -> None:
    assert not set(escaping.markup_json({"a": word})) & set("<>&\n")
    assert json.loads(escaping.markup_json({"a": word})) == {"a": word}
