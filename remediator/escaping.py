"""What comes from outside, made harmless for where it goes: one function for each kind of output.

Names, reasons and messages are other people's. Whatever is written anywhere passes one of these:

    visible        one line of text for people: nothing in it that a terminal would obey
    field_path     where a field of a document stands, whatever its names are
    printed        whole lines for standard output or error: no workflow commands among them
    annotation     data of a GitHub workflow command; annotation_property: one of its properties
    markdown       text inside Markdown: no tags, links, mentions, fences or headings
    fenced         lines as a code block that they cannot close
    chat           text of a chat's notification; chat_code: a command in it, to be copied
    json_text      JSON that is printed
    command        a shell line that runs as pasted
    quoted         a text in double quotes, for YAML and TypeScript; quoted_hcl: for Terraform

    markup         text and attributes of HTML that no template engine makes
    markup_json    JSON inside such HTML

Other HTML is the template engine's (it escapes by itself).
"""

import json
import re
import shlex
import unicodedata
from collections.abc import Iterable

# Unicode's categories that a reader does not see: controls, directions, half characters, ends of
# lines and paragraphs.
_OBEYED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_COMMAND_STARTS = re.compile(r"^((?:\s|\x1b\[[0-9;]*m)*)::")
# GitHub Docs, "Workflow commands": ``::name::`` at the start of a line; the runner takes the older
# ``##[name]`` anywhere in it.
_OLD_COMMAND = "##["


def visible(text: object) -> str:
    """One line in which everything can be seen; ends of lines and tabs are spaces."""
    spaced = re.sub(r"[\r\n\t\v\f]+", " ", str(text))
    if spaced.isascii() and spaced.isprintable():
        return spaced
    return "".join(map(_seen, spaced))


def _seen(char: str) -> str:
    hidden = unicodedata.category(char) in _OBEYED
    return char.encode("unicode_escape").decode("ascii") if hidden else char


def shortened(text: object, most: int = 60) -> str:
    """As ``visible``, of a name that may be as long as it likes."""
    told = visible(str(text)[: most + 1])
    return told if len(told) <= most else f"{told[:most]}…"


_PLAIN_NAME = re.compile(r"[^\s.:\"]+")


def field_path(location: Iterable[object]) -> str:
    """Where a field stands, as ``a.b.0``: a name that would blur the path or its end is quoted."""
    told = map(shortened, location)
    parts = (name if _PLAIN_NAME.fullmatch(name) else _quoted(name) for name in told)
    return ".".join(parts) or "(top)"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def paragraphs(text: object) -> str:
    """As ``visible``, and ends of lines stay."""
    return "\n".join(visible(line) for line in str(text).splitlines())


def printed(text: str) -> str:
    """Lines that are printed, of which none is a command to whoever runs this program."""
    lines = (_COMMAND_STARTS.sub(r"\1\\::", line) for line in text.split("\n"))
    return "\n".join(lines).replace(_OLD_COMMAND, "##\\[")


def annotation(text: object) -> str:
    """The data of a workflow command (GitHub Docs, "Workflow commands for GitHub Actions")."""
    told = str(text).replace(_OLD_COMMAND, "##\\[").replace("%", "%25")
    return visible(told.replace("\r", "%0D").replace("\n", "%0A"))


def annotation_property(text: object) -> str:
    """The value of a workflow command's property."""
    return annotation(text).replace(":", "%3A").replace(",", "%2C")


_MARKDOWN = re.compile(r"([\\`*\[~|]|://|(?<=www)\.|^(?=[#>+=-]))")


def markdown(text: object) -> str:
    """Text inside Markdown: it becomes no tag, link, mention, fence, heading or list."""
    told = _entities(visible(text).strip())
    shown = _MARKDOWN.sub(r"\\\1", told).replace("@", "@\u200b")
    return printed(shown)


_CHAT = re.compile(r"([*~`@]|://|(?<=www)\.)")


def chat(text: object) -> str:
    """Text inside a chat's Markdown: it becomes no link, mention or format (Slack, "Formatting
    text for app surfaces"; Teams is given the same)."""
    return _CHAT.sub("\u200b\\1", _entities(visible(text)))


def chat_code(text: object) -> str:
    """A command as code, where it cannot end it itself; else as text."""
    shown = visible(text)
    return chat(shown) if "`" in shown else f"`{_entities(shown)}`"


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def fenced(lines: Iterable[str], language: str = "sh") -> str:
    """A code block whose fence is longer than any in its lines."""
    shown = [visible(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return printed("\n".join([f"{fence}{language}", *shown, fence]))


def json_text(text: str) -> str:
    """JSON as it is printed: what could be obeyed is escaped, which JSON allows inside texts."""
    told = text.replace(_OLD_COMMAND, "##\\u005b")
    if told.isascii() and "\x7f" not in told:
        return told
    return "".join(
        _json_escape(char) if char != "\n" and unicodedata.category(char) in _OBEYED else char
        for char in told
    )


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


_MARKUP = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "`": "&#96;"}
)


def markup(text: object) -> str:
    """Text inside HTML, or an attribute's value in quotes: no tag, no entity, no end of either."""
    return visible(text).translate(_MARKUP)


def markup_json(value: object) -> str:
    """JSON as the content of an element: it ends no element and begins none."""
    told = json.dumps(value)
    for char in "<>&":
        told = told.replace(char, f"\\u{ord(char):04x}")
    return told


def command(*words: object) -> str:
    """A shell line of these words, each of them one word whatever is in it."""
    return shlex.join(visible(word) for word in words)


def quoted(text: object) -> str:
    """A text in double quotes, as JSON, YAML and TypeScript read it."""
    return json.dumps(visible(text), ensure_ascii=False)


def quoted_hcl(text: object) -> str:
    """As ``quoted``, for Terraform, which fills templates in."""
    return quoted(text).replace("${", "$${").replace("%{", "%%{")
