"""How the acts of privacy say no."""

from collections.abc import Mapping
from typing import ClassVar

from django.utils.functional import Promise


class Refused(Exception):
    """Nothing was done. `reason` is a code, `text` says it to people; a subclass brings the texts of its codes."""

    texts: ClassVar[Mapping[str, str | Promise]] = {}

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def text(self) -> str:
        return str(self.texts[self.reason])
