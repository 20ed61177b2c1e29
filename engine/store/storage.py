"""A TinyDB storage that appends what changed instead of writing everything again.

A record is one change set: `{"trials": {"7": {...}, "3": null}}` sets document 7 and removes document 3 of a table,
`{"trials": null}` drops the table. A change set is taken whole or not at all, and is on the disk when it is
acknowledged. Documents are held as their JSON text and decoded at each reading (4 us), so what is handed out is
always a copy and memory is the size of the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from tinydb.storages import Storage

from engine.errors import StoreError
from engine.store.log.durable import disk
from engine.store.log.follower import Follower
from engine.store.log.record_format import Frame
from engine.store.log.writer import Log

KIND = "tables"

Changes = dict[str, dict[str, msgspec.Raw] | None]
"""Table -> document id -> document as JSON text (`null`: removed); a table that is None is dropped."""

Tables = dict[str, dict[str, msgspec.Raw]]
"""Table -> document id -> document as JSON text."""

NULL = b"null"

_decode_changes = msgspec.json.Decoder(Changes).decode

COMPACT = 256
"""Documents a record of a compacted file: few enough that damage hits little, many enough to open fast."""


def decode_changes(frame: Frame, path: Path) -> Changes:
    """The change set in a record. Raises StoreError naming the record."""
    try:
        return _decode_changes(frame.payload)
    except msgspec.MsgspecError as error:
        place = frame.place
        raise StoreError(f"{path}: record {place.number} at byte {place.offset} is no change set ({error})") from None


def apply_changes(tables: Tables, changes: Changes) -> None:
    """Bring `tables` to the state after a change set."""
    for name, rows in changes.items():
        if rows is None:
            tables.pop(name, None)
            continue
        table = tables.setdefault(name, {})
        for key, document in rows.items():
            if bytes(document) == NULL:
                table.pop(key, None)
            else:
                table[key] = document


def encode_document(document: Mapping[str, Any]) -> msgspec.Raw:
    """A document as JSON text. Raises TypeError or ValueError for what JSON cannot hold, as TinyDB does; NaN and
    infinities too, which JSON has no word for."""
    return msgspec.Raw(json.dumps(dict(document), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())


def encode_record(record: msgspec.Struct) -> msgspec.Raw:
    """A record as JSON text, proved to be read back. Raises StoreError: an acknowledged record must never turn out
    unreadable, and msgspec checks types only as it decodes."""
    try:
        text = msgspec.json.encode(record)
        msgspec.json.decode(text, type=type(record))
    except (msgspec.MsgspecError, TypeError) as error:
        raise StoreError(f"{type(record).__name__} cannot be recorded: {error}") from None
    return msgspec.Raw(text)


class AppendStorage(Storage):
    """`TinyDB(path, storage=AppendStorage)`; `engine.store.table.Database` is quicker, as it writes changes only.

    `access_mode="r"` opens without writing and follows a file that another process writes.
    """

    def __init__(self, path: str | Path, access_mode: str = "r+", create_dirs: bool = False) -> None:
        """Raises StoreError if the file is damaged, cannot be opened, or is not one of these."""
        if access_mode not in ("r", "r+"):
            raise ValueError(f"access_mode must be 'r' or 'r+', got {access_mode!r}")
        self.path = Path(path)
        self.version = 0
        """Grows with every change: what was computed from an older state is stale."""
        self._tables: Tables = {}
        self._log: Log | None = None
        self._follower: Follower | None = None
        if access_mode == "r":
            self._follower = Follower(self.path, KIND)
            self.refresh()
        else:
            if create_dirs:
                with disk("make", self.path.parent):
                    self.path.parent.mkdir(parents=True, exist_ok=True)
            self._log = self._replay()

    def _replay(self) -> Log:
        log = Log(self.path, KIND)
        try:
            for frame in log.replay():
                self._apply(decode_changes(frame, self.path))
        except BaseException:
            log.close()
            raise
        return log

    @property
    def dropped(self) -> str | None:
        """What was cut off the file's end on opening, for a person."""
        return self._log.dropped if self._log else None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._writer().size

    def names(self) -> set[str]:
        """Names of the tables."""
        self.refresh()
        return set(self._tables)

    def rows(self, table: str) -> Mapping[str, msgspec.Raw]:
        """The documents of a table as JSON text; empty if there is no such table. Not to be changed."""
        self.refresh()
        return self._tables.get(table, {})

    def has(self, table: str) -> bool:
        """True if the table exists, though it be empty."""
        return table in self._tables

    def refresh(self) -> None:
        """In access mode `r`, take up what another process has written since. Raises StoreError."""
        if self._follower is None:
            return
        again, changes = self._follower.poll(lambda frame: decode_changes(frame, self.path))
        if again and self._tables:
            self._tables = {}
            self.version += 1
        for change in changes:
            self._apply(change)

    def commit(self, changes: Mapping[str, Mapping[str, msgspec.Raw | None] | None]) -> None:
        """Make one change set durable, then visible. Documents come from `encode_record`, `encode_document`, or are
        None to remove.

        Raises StoreError if it could not be written: nothing has changed then.
        """
        payload = msgspec.json.encode(changes)
        self._writer().append([payload])
        self._apply(_decode_changes(payload))

    def _apply(self, changes: Changes) -> None:
        self.version += 1
        apply_changes(self._tables, changes)

    def read(self) -> dict[str, dict[str, Any]] | None:
        """TinyDB's way to read: all tables, decoded. None if there is none yet."""
        self.refresh()
        decode = msgspec.json.decode
        return {n: {k: decode(d) for k, d in rows.items()} for n, rows in self._tables.items()} or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """TinyDB's way to write: appends the difference to what is stored."""
        changes: dict[str, Mapping[str, msgspec.Raw | None] | None] = {n: None for n in self._tables if n not in data}
        for name, rows in data.items():
            change = self.difference(name, rows)
            if change or name not in self._tables:
                changes[name] = change
        if changes:
            self.commit(changes)

    def difference(self, table: str, rows: Mapping[Any, Mapping[str, Any]]) -> dict[str, msgspec.Raw | None]:
        """The changes that turn the stored table into `rows`."""
        stored = self._tables.get(table, {})
        wanted = {str(key): encode_document(document) for key, document in rows.items()}
        changes: dict[str, msgspec.Raw | None] = {key: None for key in stored if key not in wanted}
        changes.update((k, d) for k, d in wanted.items() if k not in stored or not same_document(stored[k], d))
        return changes

    def compact(self) -> None:
        """Rewrite the file without what was overwritten or removed, in one step (see `Log.replace`)."""
        self._writer().replace(self._compacted())

    def _compacted(self) -> Iterator[bytes]:
        for name, rows in self._tables.items():
            keys = list(rows)
            for start in range(0, max(len(keys), 1), COMPACT):
                yield msgspec.json.encode({name: {key: rows[key] for key in keys[start : start + COMPACT]}})

    def _writer(self) -> Log:
        if self._log is None:
            raise StoreError(f"{self.path}: opened for reading only", "open it with access_mode='r+'")
        return self._log

    def close(self) -> None:
        for file in (self._log, self._follower):
            if file is not None:
                file.close()


def same_document(stored: msgspec.Raw, document: msgspec.Raw) -> bool:
    """True if two texts hold the same document: equal values of equal types (1, 1.0 and True differ), keys in order."""
    return bytes(stored) == bytes(document) or encode_document(msgspec.json.decode(stored)) == document
