"""A part of a policy, and the words in it that more than one part has."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Autonomy(StrEnum):
    """Who decides on a remedy: nobody asks, a person approves, or it is never planned."""

    AUTO = "auto"
    APPROVE = "approve"
    OFF = "off"


class Section(BaseModel):
    """Frozen and strict: an unknown field is an error, and so is a switch where none is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _switches_are_no_numbers(cls, value: object, info: ValidationInfo) -> object:
        """``true`` would else be taken for 1."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation not in {bool, Autonomy}:
            raise ValueError("Input should be a value, not a switch such as yes, no, on or off")
        return value
