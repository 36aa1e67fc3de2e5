"""guardrails.yml → Policy. A wrong file is refused as a whole: each field with its path, what is
allowed there, and the line."""

import hashlib
import reprlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import (
    BaseModel,
    ValidationError,
)
from pydantic_core import ErrorDetails

from remediator import prepared
from remediator.errors import FileError, InputError, Problem
from remediator.escaping import field_path, visible
from remediator.policy import Override, Policy

if TYPE_CHECKING:
    from remediator import plain_yaml


class Loaded(NamedTuple):
    """A policy, and the fingerprint of the very bytes that it was read from."""

    policy: Policy
    sha256: str


def load(path: Path) -> Policy:
    """Read a policy file.

    Raises InputError for a missing file, bad YAML, and every field that is wrong, each with its
    path, what is allowed and its line.
    """
    return loaded(path).policy


def loaded(path: Path) -> Loaded:
    """As ``load``, with the file's SHA-256."""
    try:
        return _loaded(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"policy file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"policy file {path}: expected UTF-8, {error.reason}") from error


@lru_cache(maxsize=8)
def _loaded(path: Path, _changed: int) -> Loaded:
    """Once a process for as long as the file is not changed: a policy is frozen."""
    text = path.read_bytes().decode("utf-8")
    sha256 = _sha256(text)
    with suppress(ValidationError):  # of a file that is wrong its own text tells, by line
        values = prepared.values(path, sha256)
        if values is not None:
            return Loaded(Policy.model_validate(values), sha256)
    return from_text(text, str(path))


def from_text(text: str, name: str) -> Loaded:
    """As ``loaded``, of a text that lies somewhere else; ``name`` stands in the errors."""
    return Loaded(parse(text, name), _sha256(text))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def parse(text: str, name: str = "policy") -> Policy:
    """As ``load``, from text; ``name`` stands in the errors. Raises FileError."""
    from remediator import plain_yaml  # noqa: PLC0415 - the artifact's own file is prepared

    return of_document(plain_yaml.read(text, name))


def of_document(document: "plain_yaml.Document") -> Policy:
    """The policy that a file's content means. Raises FileError."""
    name = document.name
    if document.value is None:
        return Policy()
    if not isinstance(document.value, dict):
        got = _shown(document.value)
        said = f"expected settings by name, got {got}"
        raise FileError(Problem(name, document.line((0,)), said))
    try:
        return Policy.model_validate(document.value)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        told = [_complaint(each, document) for each in problems[:_MOST_TOLD]]
        if len(problems) > _MOST_TOLD:
            more = f"and {len(problems) - _MOST_TOLD} more fields are wrong"
            told.append(Problem(name, None, more))
        raise FileError(*told) from error


# Wrong fields that one reading tells of; the rest comes up once these are mended.
_MOST_TOLD = 20


_PLAINER = {
    "extra_forbidden": "unknown setting",
    "model_type": "Input should be settings by name; leave it out for the defaults",
}


def _complaint(problem: ErrorDetails, document: "plain_yaml.Document") -> Problem:
    """One wrong field: the line, its path, what is expected there, and what was found."""
    location = tuple(part for part in problem["loc"] if part != "[key]")
    path = field_path(location)
    message = _PLAINER.get(problem["type"], problem["msg"]).removeprefix("Value error, ")
    given = f", got {_shown(problem['input'])}"
    if problem["type"] == "missing":
        given = ""
    elif problem["type"] == "extra_forbidden":
        given = f"; known here: {', '.join(_known(location))}"
    told = visible(f"{path}: {message}{given}")
    return Problem(document.name, document.line(location), told)


def _shown(value: object) -> str:
    huge = isinstance(value, int) and value.bit_length() > 64
    return "a huge number" if huge else reprlib.repr(value)


def _known(location: tuple[int | str, ...]) -> list[str]:
    """The field names that stand at the parent of ``location``."""
    model: type[BaseModel] = Policy
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = Policy if model is Override and part == "set" else _model_in(field.annotation)
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel]:
    """The section that a field holds, be it alone, in a list or in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = getattr(annotation, "__args__", ())
    sections = (part for part in arguments if isinstance(part, type))
    return next(part for part in sections if issubclass(part, BaseModel))
