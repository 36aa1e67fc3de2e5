"""What all tests share: how many histories were tried is said at the end of every run."""

import pytest

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
