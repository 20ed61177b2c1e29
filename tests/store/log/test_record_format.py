"""The framed line: what it says, and that nothing else passes for it."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.log import record_format
from engine.store.log.record_format import DamagedError, Frame, Place, is_torn, pack, read_frames, read_place, unpack

PAYLOADS = st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"").replace(b"\0", b""))


def test_the_line_is_as_documented() -> None:
    payload = b'{"trials":{}}'
    start = b"0000002a 0000000d "
    assert pack(42, payload) == start + b"%08x " % zlib.crc32(start + payload) + payload + b"\n"


@given(st.integers(0, 2**32 - 1), PAYLOADS)
def test_what_is_packed_is_unpacked(number: int, payload: bytes) -> None:
    assert unpack(pack(number, payload)[:-1], number) == payload


@given(PAYLOADS, st.data())
def test_no_changed_byte_passes(payload: bytes, data: st.DataObject) -> None:
    line = bytearray(pack(7, payload)[:-1])
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    assert unpack(bytes(line), 7) is None


@given(PAYLOADS, st.data())
def test_every_cut_is_torn_even_when_filled_with_nuls(payload: bytes, data: st.DataObject) -> None:
    line = pack(7, payload)
    cut = line[: data.draw(st.integers(0, len(line) - 1))]
    assert is_torn(cut, 7)
    if len(cut) < len(line) - 1:
        assert is_torn(cut + b"\0" * data.draw(st.integers(0, 9)), 7)


@pytest.mark.parametrize("tail", [
    pack(7, b"{}")[:-1] + b"\x0b",  # its line feed was changed
    pack(7, b"{}")[:-1] + b"\0",
    pack(8, b"{}")[:20],  # another record's beginning
    b'{"_default": {"1": {"text": "a file of stock TinyDB"}}}',
    b"0001",
    b"00000007 XX",
])
def test_what_no_cut_can_leave_is_not_torn(tail: bytes) -> None:
    assert not is_torn(tail, 7)


def scan(path: Path, offset: int = 0, number: int = 0) -> list[Frame]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return list(read_frames(fd, path, offset, number))
    finally:
        os.close(fd)


@pytest.mark.parametrize("block", [1, 7, 40, 4 << 20])
def test_records_are_read_whatever_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(record_format, "BLOCK", block)
    payloads = [b"a" * size for size in (0, 1, 30, 100)]
    path = tmp_path / "x.log"
    path.write_bytes(b"".join(pack(n, p) for n, p in enumerate(payloads)) + pack(4, b"torn")[:-3])
    found = scan(path)
    assert [frame.payload for frame in found] == payloads
    assert scan(path, found[1].place.end, 2) == found[2:]
    fd = os.open(path, os.O_RDONLY)
    assert [read_place(fd, path, frame.place) for frame in found] == payloads
    with pytest.raises(DamagedError, match="record 9 at byte 0 is damaged"):
        read_place(fd, path, Place(0, 9, 0))
    os.close(fd)


@pytest.mark.parametrize(("change", "why"), [
    (lambda lines: [lines[0], lines[2]], "record 1 at byte 30 is damaged (number 2 stands in its place)"),
    (lambda lines: [lines[0], lines[0], lines[1]], "record 1 at byte 30 is damaged (number 0 stands in its place)"),
    (lambda lines: [lines[0], b"{}\n", lines[2]], "record 1 at byte 30 is damaged (its header cannot be read)"),
    (lambda lines: [lines[0], lines[1].replace(b"bb", b"bc")], "record 1 at byte 30 is damaged (its checksum does not"),
    (lambda lines: [lines[0], lines[1].replace(b"bb", b"b")], "record 1 at byte 30 is damaged (1 bytes instead of 2)"),
    (lambda lines: [lines[0], lines[1][:-1] + b" "], "record 1 at byte 30 is damaged (its line feed is gone)"),
    (lambda lines: [b'{"_default": {}}'], "record 0 at byte 0 is damaged (its header cannot be read)"),
])
def test_damage_is_told_with_its_place(tmp_path: Path, change: object, why: str) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"".join(change([pack(0, b"aa"), pack(1, b"bb"), pack(2, b"cc")])))
    with pytest.raises(DamagedError) as caught:
        scan(path)
    assert f"{path}: {why}" in str(caught.value)
