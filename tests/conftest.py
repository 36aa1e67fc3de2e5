"""What all tests share: no deadline of a machine's speed, and a count of the histories tried."""

import gc
from collections.abc import Iterator
from functools import cache, partial
from typing import TYPE_CHECKING

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.browser import Browser

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

# Each test has a session of its own, and each session reads AWS's models anew: megabytes of JSON.
_read = cache(partial(JSONFileLoader.load_file, JSONFileLoader()))
JSONFileLoader.load_file = lambda self, file_path: _read(file_path)  # type: ignore[method-assign]


def pytest_collection_finish() -> None:
    """Thousands of tests and AWS's models stay until the end: looked through for garbage again and
    again, they would take a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


# Name of the property in which a test says how many histories it has lived through.
HISTORIES = "histories"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Browser"]:
    """A Chromium, one for all pages of a worker."""
    from tests.browser import opened  # noqa: PLC0415 - few tests need it

    yield from opened(tmp_path_factory.mktemp("browser"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Add up what the tests recorded, also those of other workers."""
    tried = [
        int(str(value))
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == HISTORIES
    ]
    if tried:
        terminalreporter.write_line(f"safe hands: {sum(tried):,} histories tried")
