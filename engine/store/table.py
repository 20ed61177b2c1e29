"""TinyDB's table and database over `AppendStorage`: its whole interface, at the cost of what a call changes.

Every mutation of a table ends in `_update_table`, which hands TinyDB's own code a view that decodes a document when
it is touched and commits the touched ones only. Stock TinyDB writes the whole file again: 1 s at 2,500 trials with
curves, 30 ms at 1,000 without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, cast

import msgspec
from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.table import Document, Table

from engine.store.storage import AppendStorage, encode_document, same_document


class Rows(Mapping[str, dict[str, Any]]):
    """A table as TinyDB reads it: each document is decoded at each reading, so nobody holds the stored one."""

    def __init__(self, stored: Mapping[str, msgspec.Raw]) -> None:
        self._stored = stored

    def __getitem__(self, key: str) -> dict[str, Any]:
        return cast(dict[str, Any], msgspec.json.decode(self._stored[key]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


_UNTOUCHED: Any = object()


class Draft(MutableMapping[int, dict[str, Any]]):
    """A table as TinyDB changes it: remembers which documents were touched, and nothing of the others."""

    def __init__(self, stored: Mapping[str, msgspec.Raw]) -> None:
        self._stored = stored
        self._touched: dict[int, dict[str, Any] | None] = {}
        self._size = len(stored)

    def __getitem__(self, key: int) -> dict[str, Any]:
        if key not in self._touched:
            if (stored := self._stored.get(str(key))) is None:
                raise KeyError(key)
            self._touched[key] = msgspec.json.decode(stored)
        document = self._touched[key]
        if document is None:
            raise KeyError(key)
        return document

    def __contains__(self, key: object) -> bool:
        touched = self._touched.get(cast(int, key), _UNTOUCHED)
        return str(key) in self._stored if touched is _UNTOUCHED else touched is not None

    def __setitem__(self, key: int, document: dict[str, Any]) -> None:
        self._size += key not in self
        self._touched[key] = document

    def __delitem__(self, key: int) -> None:
        if key not in self:
            raise KeyError(key)
        self._size -= 1
        self._touched[key] = None

    def __iter__(self) -> Iterator[int]:
        yield from (key for key in map(int, self._stored) if key in self)
        yield from (key for key in self._touched if str(key) not in self._stored and key in self)

    def __len__(self) -> int:
        return self._size

    def clear(self) -> None:
        self._touched = dict.fromkeys(map(int, self._stored))
        self._size = 0

    def changes(self) -> dict[str, msgspec.Raw | None]:
        """What the touched documents have become, the unchanged ones left out."""
        changes: dict[str, msgspec.Raw | None] = {}
        for key, document in self._touched.items():
            stored = self._stored.get(str(key))
            if document is not None:
                text = encode_document(document)
                if stored is None or not same_document(stored, text):
                    changes[str(key)] = text
            elif stored is not None:
                changes[str(key)] = None
        return changes


class RecordTable(Table):
    """TinyDB's `Table`; differs in that results are copies and that its query cache sees other writers' changes."""

    _storage: AppendStorage
    _seen = -1

    def search(self, cond: QueryLike) -> list[Document]:
        """All documents matching `cond`; the cache keeps which ones match, and each call decodes them anew."""
        rows = self._read_table()
        keys = cast("list[str] | None", self._query_cache.get(cond))
        if keys is not None:
            return [self.document_class(rows[key], self.document_id_class(key)) for key in keys]
        found = {key: document for key, document in rows.items() if cond(document)}
        if getattr(cond, "is_cacheable", lambda: True)():
            self._query_cache[cond] = cast("list[Document]", list(found))
        return [self.document_class(document, self.document_id_class(key)) for key, document in found.items()]

    def update(
        self,
        fields: Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None],
        cond: QueryLike | None = None,
        doc_ids: Iterable[int] | None = None,
    ) -> list[int]:
        """TinyDB's `update`; the query runs first, so only the documents it matches are touched."""
        return super().update(fields, None, self._matching(cond, doc_ids))

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        """TinyDB's `remove`; the query runs first, so only the documents it matches are touched."""
        return super().remove(None, self._matching(cond, doc_ids))

    def _matching(self, cond: QueryLike | None, doc_ids: Iterable[int] | None) -> Iterable[int] | None:
        if doc_ids is not None or cond is None:
            return doc_ids
        return [self.document_id_class(key) for key, document in self._read_table().items() if cond(document)]

    def _read_table(self) -> Rows:  # type: ignore[override]
        rows = self._storage.rows(self.name)
        if self._storage.version != self._seen:  # changed by another process, table object or `Run.add`
            self.clear_cache()
            self._seen = self._storage.version
            self._next_id = None
        return Rows(rows)

    def _get_next_id(self) -> int:
        self._read_table()
        return cast(int, super()._get_next_id())

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        """The one place where a table changes: run TinyDB's updater on a draft, commit what it changed."""
        self._read_table()
        draft = Draft(self._storage.rows(self.name))
        updater(draft)
        changes = draft.changes()
        if changes or not self._storage.has(self.name):
            self._storage.commit({self.name: changes})
        self._seen = self._storage.version
        self.clear_cache()


class Database(TinyDB):
    """TinyDB over an `AppendStorage`: `Database("runs/x/trials.log", access_mode="r")` looks at a run with queries."""

    table_class = RecordTable
    default_storage_class = AppendStorage  # type: ignore[assignment]

    @property
    def storage(self) -> AppendStorage:
        """The storage under this database."""
        return cast(AppendStorage, self._storage)

    def tables(self) -> set[str]:
        """Names of all tables, none of them decoded."""
        return self.storage.names()
