"""The readable page by itself, to be printed and handed over (Art. 19 §2)."""

import io
from collections.abc import Iterator

from consent.encryption import Actor
from consent.export import checking, control
from consent.export.vault import BLOCK
from consent.models.exports import ExportPackage

PAGE = "index.html"
# The page's own rule stands inside it; nothing from outside is ever needed.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def page(row: ExportPackage, *, actor: Actor) -> Iterator[bytes]:
    """The bytes of index.html. Raises RevealDenied, KeyMissing, Undecryptable, FileNotFoundError before the first."""
    file = io.BufferedReader(checking.Seekable(control.opened(row, actor=actor)), BLOCK)
    pieces: Iterator[bytes] = checking.verifier().Package(file).pieces(PAGE)
    return pieces
