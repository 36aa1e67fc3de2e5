"""Settings from the environment, as template.yml sets it. Read once, at the runtime."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from remediator.errors import InputError
from remediator.model import Mode, Record

PREFIX = "REMEDIATOR_"
# Where the artifact lies: a relative policy path starts here.
ROOT = Path(__file__).resolve().parent.parent

_SECONDS = re.compile(r"[0-9]{1,9}")


class Settings(Record):
    """One deployment. Empty strings in the environment count as "not set"."""

    mode: Mode | None = None
    """``None``: the policy file's mode."""
    target_function: str | None = None
    """Name or pattern of what opted in; beside it, up to three more."""
    target_function_2: str | None = None
    target_function_3: str | None = None
    target_function_4: str | None = None
    tagged_functions_only: Literal["no", "yes"] = "no"
    """Whether a function has to carry the tag remediator=managed, too."""
    policy_file: Path = ROOT / "policies" / "guardrails.yml"
    policy_parameter: str | None = None
    """An SSM parameter that stands in the file's place."""
    policy_configuration: str | None = None
    """As well, AppConfig's APPLICATION/ENVIRONMENT/PROFILE."""
    journal_table: str | None = None
    """Nothing is changed without; a plan by hand can do without."""
    shared_journal: str | None = None
    """Another stack's journal, which stands in the place of our own: one for account and Region."""
    journal_claim: str | None = None
    """The SSM parameter in which our stack says which journal it keeps; beside others' claims."""
    notices_topic_arn: str | None = None
    quarantine_queue_arn: str | None = None
    capture_bucket: str | None = None
    """Where given-up records are kept; ``None``: nowhere."""
    follow_up_role_arn: str | None = None
    freeze_parameter: str | None = None
    iterator_age_threshold_seconds: int | None = None

    @property
    def target_functions(self) -> tuple[str, ...]:
        """Names and patterns of what opted in; empty: whatever there is."""
        said = (
            self.target_function,
            self.target_function_2,
            self.target_function_3,
            self.target_function_4,
        )
        return tuple(name for name in said if name)

    @property
    def only_function(self) -> str | None:
        """What an alarm is about that names neither function nor stream."""
        return self.target_function if len(self.target_functions) == 1 else None

    @property
    def policy_source(self) -> str | None:
        """Where the policy is read from, if not from the file: a parameter begins with a slash."""
        return self.policy_parameter or self.policy_configuration

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], *, needs_journal: bool = True
    ) -> "Settings":
        """Read and check every variable. Raises InputError that names the one that is wrong."""
        given = {
            field: environ[PREFIX + field.upper()].strip()
            for field in cls.model_fields
            if environ.get(PREFIX + field.upper(), "").strip()
        }
        if needs_journal and "journal_table" not in given:
            raise InputError(f"{PREFIX}JOURNAL_TABLE is not set: the name of the journal's table")
        if given.get("mode", Mode.PLAN) not in set(Mode):
            raise InputError(f"{PREFIX}MODE: expected {' or '.join(Mode)}, got {given['mode']!r}")
        tagged = given.get("tagged_functions_only", "no")
        if tagged not in {"no", "yes"}:
            raise InputError(
                f"{PREFIX}TAGGED_FUNCTIONS_ONLY: expected no or yes, got {tagged[:60]!r}"
            )
        if "shared_journal" in given:
            given["journal_table"] = given["shared_journal"]
        threshold = given.get("iterator_age_threshold_seconds", "1")
        if not _SECONDS.fullmatch(threshold) or int(threshold) < 1:
            raise InputError(
                f"{PREFIX}ITERATOR_AGE_THRESHOLD_SECONDS: expected whole seconds, got "
                f"{threshold[:60]!r}"
            )
        if "policy_file" in given:
            given["policy_file"] = str(ROOT / given["policy_file"])
        return cls.model_validate(given)
