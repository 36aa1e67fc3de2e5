"""YAML as plain data, with the line of everything: for files that people write by hand.

Stricter than YAML: a key that stands twice is an error (PyYAML would silently take the last), and
so are anchors, aliases and tags, which a file of settings has no need of.
"""

from typing import Any, NamedTuple

import yaml

from remediator.errors import FileError, Problem
from remediator.escaping import shortened

_DEEPEST = 20


class Document(NamedTuple):
    """What a file holds, and where in it."""

    name: str
    value: Any
    node: yaml.Node | None

    def line(self, location: tuple[int | str, ...]) -> int:
        """Line of the deepest part of ``location`` that stands in the file, counted from 1."""
        node, line = self.node, 1
        for part in location:
            found = _inside(node, part)
            if found is None:
                break
            line, node = found
        return line


def read(text: str, name: str) -> Document:
    """The one document in ``text``; ``name`` stands in the errors.

    Raises FileError with the line for everything that is not plain YAML.
    """
    loader: _PlainLoader | None = None
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        value = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = shortened(error.problem or error.context, 200)
        raise FileError(Problem(name, mark.line + 1 if mark else None, said)) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Scalars that look like a number or a date to YAML, but are none: 0b_, 2026-99-99.
        raise FileError(Problem(name, None, f"not YAML: {shortened(error, 200)}")) from error
    finally:
        if loader is not None:
            loader.dispose()
    return Document(name, value, node)


class _PlainLoader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or event.anchor or event.tag:
            raise _wrong("expected plain values, got an anchor, an alias or a tag", event)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _wrong(f"nested deeper than {_DEEPEST} levels", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys(node)
        return node


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    seen: dict[tuple[str, str], yaml.Node] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _wrong("expected a word as a key, got a list or a mapping", key)
        first = seen.setdefault((key.tag, key.value), key)
        if first is not key:
            line = first.start_mark.line + 1
            raise _wrong(f"{shortened(key.value)!r} stands here twice, first in line {line}", key)


def _wrong(problem: str, at: yaml.Node | yaml.Event) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)  # type: ignore[arg-type]


def _inside(node: yaml.Node | None, part: int | str) -> tuple[int, yaml.Node] | None:
    """The line and the node of one key or one index."""
    if isinstance(node, yaml.MappingNode):
        pairs = ((key, value) for key, value in node.value if key.value == str(part))
        found = next(pairs, None)
        return (found[0].start_mark.line + 1, found[1]) if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
