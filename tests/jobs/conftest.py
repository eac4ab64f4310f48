"""Fixtures of the jobs' tests."""

import pytest
from stopped import Stopped, stopped_clinic


@pytest.fixture
def stopped(db: None) -> Stopped:
    return stopped_clinic()
