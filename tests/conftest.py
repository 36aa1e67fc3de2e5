"""What all tests share: no deadline of a machine's speed, and a count of the histories tried."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

HISTORIES = "histories"
"""Name of the property in which a test says how many histories it has lived through."""


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
