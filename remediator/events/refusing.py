"""How an event is refused: one line that names the field, what was expected there, and what came.

The models of this room say what may come; pydantic says where something else did.
"""

from typing import Any

from pydantic import (
    AliasChoices,
    BaseModel,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from remediator.errors import InputError
from remediator.escaping import shortened, visible
from remediator.events.names import shown


def expected(words: str) -> WrapValidator:
    """Whatever is wrong with a value is said in these words: ``expected <words>, got <value>``."""

    def read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except (ValidationError, RecursionError):  # an enum's error shows a value, however deep
            raise InputError(f"expected {words}, got {shown(value)}") from None

    return WrapValidator(read)


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except (ValidationError, RecursionError):
        return None


# What is not as documented is as if it were not there: for AWS's events, which we do not make.
lenient = WrapValidator(_or_none)


def refusal(
    error: ValidationError,
    model: type[BaseModel],
    under: str = "",
    unknown: str = "unknown key",
) -> InputError:
    """The first thing that is wrong, in words that can be logged.

    ``under`` is where the model lies; ``unknown`` is said of a key that it does not have.
    """
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    message = unknown if first["type"] == "extra_forbidden" else first["msg"]
    location = first["loc"]
    field = model.model_fields.get(".".join(map(str, location)))
    if field and isinstance(field.validation_alias, AliasChoices):  # a default's error names it
        location = tuple(field.validation_alias.convert_to_aliases()[0])
    path = ".".join(shortened(part) for part in location) or "(top)"
    return InputError(f"{under}{path}: {visible(message.removeprefix('Value error, '))}")
