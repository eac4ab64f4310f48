"""The file format: whatever a crash leaves, exactly the complete records come out, and nothing that was not written."""

from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.spool.records import BadHeader, Ending, Frame, Seal, ending, frames, read_header
from consent.encryption import Undecryptable

NOW_MS = 1_772_460_429_250
anything = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
sequences = st.lists(st.binary(max_size=300), max_size=6)


def written(path: Path, records: Sequence[bytes]) -> tuple[Seal, list[int]]:
    """Write a file of these records; return its seal and where header and records end."""
    seal = Seal.fresh()
    content = seal.beginning(NOW_MS)
    ends = [len(content)]
    for number, data in enumerate(records):
        content += seal.record(data, number=number, now_ms=NOW_MS + number)
        ends.append(len(content))
    path.write_bytes(content)
    return seal, ends


def complete(file: FileIO) -> tuple[list[Frame], Ending]:
    _, start = read_header(file)
    found = list(frames(file, start))
    return found, ending(file, found[-1].end if found else start)


@anything
@given(records=sequences, data=st.data())
def test_a_file_cut_at_any_byte_gives_exactly_its_complete_records(
    tmp_path: Path, records: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path / "a.spool"
    _, ends = written(path, records)
    cut = data.draw(st.integers(ends[0], ends[-1]))
    with path.open("r+b") as file:
        file.truncate(cut)
        header, _ = read_header(file)
        found, left = complete(file)
        opened = [Seal.of(header).open(frame) for frame in found]
    expected = sum(end <= cut for end in ends[1:])
    assert opened == records[:expected]
    assert left is (Ending.CLEAN if cut in ends else Ending.TORN)


@anything
@given(records=sequences, data=st.data())
def test_a_file_cut_inside_its_header_is_not_taken_for_one(
    tmp_path: Path, records: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path / "a.spool"
    _, ends = written(path, records)
    with path.open("r+b") as file:
        file.truncate(data.draw(st.integers(0, ends[0] - 1)))
        with pytest.raises(BadHeader):
            read_header(file)


@anything
@given(records=st.lists(st.binary(max_size=60), min_size=1, max_size=5), data=st.data())
def test_a_changed_byte_never_gives_what_was_not_written(
    tmp_path: Path, records: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path / "a.spool"
    seal, ends = written(path, records)
    at = data.draw(st.integers(ends[0], ends[-1] - 1))
    changed = bytearray(path.read_bytes())
    changed[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(changed)
    with path.open("rb") as file:
        found, left = complete(file)
    touched = sum(end <= at for end in ends[1:])
    assert [seal.open(frame) for frame in found] == records[:touched]
    assert left is not Ending.CLEAN


def test_bytes_behind_the_records_that_no_writer_left_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    written(path, [b"one"])
    with path.open("ab") as file:
        file.write(bytes(64))
    with path.open("rb") as file:
        found, left = complete(file)
    assert (len(found), left) == (1, Ending.DAMAGED)


def test_a_record_opens_in_no_other_file_and_at_no_other_number(tmp_path: Path) -> None:
    seal, _ = written(tmp_path / "a.spool", [b"first", b"second"])
    other, _ = written(tmp_path / "b.spool", [b"first", b"second"])
    with (tmp_path / "a.spool").open("rb") as file:
        (first, second), _ = complete(file)
    assert seal.open(first) == b"first"
    moved = Frame(at=second.at, end=second.end, written_ms=first.written_ms, sealed=first.sealed)
    for opener, frame in ((seal, moved), (other, first)):
        with pytest.raises(Undecryptable):
            opener.open(frame)


def test_nothing_of_the_content_is_readable_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.spool"
    written(path, [b"Mariana Alves, +55 11 90000-0017"])
    assert b"Mariana" not in path.read_bytes()
    assert b"90000" not in path.read_bytes()
