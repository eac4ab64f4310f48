"""The newest lines of a checkpoint file are read first, however long the file has become."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.checkpoints import BLOCK, backwards

LINES = st.lists(st.sampled_from([b"", b"{}", b"x" * 100, b"y" * (BLOCK - 1), b"z" * (BLOCK + 7)]), max_size=8)


@given(lines=LINES)
def test_every_line_is_read_once_from_the_last_to_the_first(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path: Path = tmp_path_factory.mktemp("place") / "lines"
    path.write_bytes(b"\n".join(lines))
    assert list(backwards(path))[::-1] == (lines or [b""])
