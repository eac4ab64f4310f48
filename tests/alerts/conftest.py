"""Mail that stays here."""

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _letters(settings: Any) -> None:
    settings.MAIL_IS_SET_UP = True
    settings.PUBLIC_URL = "https://ponte.exemplo.com.br"
