"""The clinic of tests/back whose two partners call us, and fields on either side that can be mapped."""

import pytest

from tests.back.both_sides import BothSides
from tests.back.conftest import both, chatwoot, krayin
from tests.fields.mapped import Mapped

__all__ = ["both", "chatwoot", "krayin"]


@pytest.fixture
def mapped(both: BothSides) -> Mapped:
    """Ana Lima is in both; the lists of fields are read; nothing is mapped yet."""
    made = Mapped(both)
    made.prepare()
    return made
