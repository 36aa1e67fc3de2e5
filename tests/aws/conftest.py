"""One AWS for each test; see ``aws_world``."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.aws.aws_world import World


@pytest.fixture
def aws() -> Iterator[World]:
    with mock_aws():
        yield World()
