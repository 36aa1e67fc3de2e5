"""What ``make e2e`` sets up, and an end for whatever hangs."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cannot import CANNOT
from tests.e2e.faults import Faults, microburst
from tests.e2e.ministack import MiniStack, ministack
from tests.e2e.stack import files_of

_LONGEST_SECONDS = 240
# Name of the property in which a test says a measured figure.
FIGURE = "figure"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was measured, and what the endpoints could not do: not proved here."""
    reports = [one for of_one in terminalreporter.stats.values() for one in of_one]
    for report in reports:
        if getattr(report, "when", None) == "call":
            for name, value in report.user_properties:
                if name == FIGURE:
                    terminalreporter.write_line(str(value))
    for endpoint, cannot in CANNOT.items():
        terminalreporter.write_line(f"Not proved, since {endpoint} cannot do it:")
        for one in cannot:
            terminalreporter.write_line(f"  - {one}")


@pytest.fixture(autouse=True)
def _hard_limit() -> Iterator[None]:
    """No test may hang: neither in its body nor in what it waits for."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"not done after {_LONGEST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, _LONGEST_SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def _made_by_make(variable: str) -> Path:
    if variable not in os.environ:
        pytest.fail(f"{variable} is not set: these tests are run by `make e2e`")
    return Path(os.environ[variable]).absolute()


@pytest.fixture(scope="session")
def endpoints_python() -> Path:
    """The interpreter that has the endpoints, and nothing of ours."""
    return _made_by_make("E2E_PYTHON")


@pytest.fixture(scope="session")
def artifact() -> Path:
    """What ``make build`` builds, for that interpreter."""
    return _made_by_make("E2E_ARTIFACT")


@pytest.fixture
def aws(endpoints_python: Path, tmp_path: Path) -> Iterator[MiniStack]:
    """An empty account, in which everybody may do everything."""
    with ministack(endpoints_python, tmp_path) as empty:
        yield empty


@pytest.fixture
def strict_aws(endpoints_python: Path, tmp_path: Path) -> Iterator[MiniStack]:
    """An empty account that holds everybody to their policies."""
    with ministack(endpoints_python, tmp_path, enforces_iam=True) as empty:
        yield empty


@pytest.fixture
def faults(aws: MiniStack, endpoints_python: Path, tmp_path: Path) -> Iterator[Faults]:
    """What stands in front of that account, for whom is sent through it."""
    with microburst(endpoints_python, tmp_path, aws.port) as proxy:
        yield proxy


@pytest.fixture
def code(artifact: Path) -> dict[str, bytes]:
    """The artifact's files, which a test may add to."""
    return files_of(artifact)


@pytest.fixture(scope="session")
def kinesis_locals_folder() -> Path:
    """Where npm has put it; where it could not, that is said."""
    folder = _made_by_make("E2E_NPM") / "kinesis-local"
    if not (shutil.which("node") and folder.exists()):
        pytest.skip("no node or no npm here: NOTHING IS PROVED of streams that are UPDATING")
    return folder
