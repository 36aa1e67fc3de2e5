"""The journal keeps every promise on a DynamoDB that nobody here wrote."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e.conftest import FIGURE
from tests.e2e.ministack import MiniStack

ROOT = Path(__file__).parents[2]
SUITE = (
    "tests/aws/test_journal.py",
    "tests/aws/test_journal_dynamodb.py",
    "tests/aws/test_journal_versions.py",
    "tests/test_fencing.py",
)
HOW = ("-q", "-x", "-p", "no:cacheprovider", "-m", "not long", "-k", "not memory")
_WITHIN_SECONDS = 120


def test_the_journals_own_tests_hold_there_too(
    aws: MiniStack, record_property: Callable[[str, object], None]
) -> None:
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *HOW, *SUITE],
        env={**os.environ, **credentials, "JOURNAL_ENDPOINT": aws.url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_WITHIN_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-3000:]
    record_property(FIGURE, f"the journal on MiniStack: {ended.stdout.splitlines()[-1]}")
