"""What TinyDB documents holds on TinyDB itself, on our storage under it, and on our storage with our tables.

One class of tests, run for each; then random calls on TinyDB and on ours side by side.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import Query, TinyDB, operations, where
from tinydb.table import Document

from engine.store.storage import AppendStorage
from engine.store.table import Database

SKIPPED = [9] if tuple(map(int, version("tinydb").split(".")[:2])) >= (4, 9) else []
"""An id of no document, which `update` and `remove` pass over; before TinyDB 4.9 they raise KeyError."""


class TinyDBContract:
    """Inherited with `open`, which opens a database at a path, anew at each call."""

    open: Callable[[Path], TinyDB]

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "db"

    @pytest.fixture
    def db(self, path: Path) -> TinyDB:
        with type(self).open(path) as db:
            db.insert_multiple({"int": 1, "char": c} for c in "abc")
            yield db

    def reopened(self, db: TinyDB, path: Path) -> TinyDB:
        db.close()
        return type(self).open(path)

    def test_insert_gives_ids_from_1(self, db: TinyDB, path: Path) -> None:
        assert db.insert({"x": 1}) == 4
        assert db.insert_multiple([{"x": 2}, {"x": 3}]) == [5, 6]
        assert len(db) == 6
        again = self.reopened(db, path)
        assert [(doc.doc_id, doc) for doc in again] == [
            (1, {"int": 1, "char": "a"}), (2, {"int": 1, "char": "b"}), (3, {"int": 1, "char": "c"}),
            (4, {"x": 1}), (5, {"x": 2}), (6, {"x": 3})]
        assert again.insert({}) == 7
        again.close()

    def test_insert_with_an_id(self, db: TinyDB) -> None:
        assert db.insert(Document({"x": 1}, doc_id=12)) == 12
        assert db.insert({"x": 2}) == 13
        assert db.insert_multiple([Document({"x": 3}, doc_id=20), {"x": 4}])[0] == 20
        with pytest.raises(ValueError, match="Document with ID 12 already exists"):
            db.insert(Document({"x": 5}, doc_id=12))
        with pytest.raises(ValueError, match="already exists"):
            db.insert_multiple([{"x": 6}, Document({"x": 5}, doc_id=12)])
        assert db.get(doc_id=12) == {"x": 1}
        assert not db.contains(where("x") == 6)

    def test_an_id_is_not_given_twice(self, db: TinyDB) -> None:
        last = db.insert({"x": 1})
        db.remove(doc_ids=[last])
        assert db.insert({"x": 2}) == last + 1

    @pytest.mark.parametrize("wrong", ["text", 1, [1, 2], {1, 2}, None])
    def test_only_mappings_are_documents(self, db: TinyDB, wrong: Any) -> None:
        with pytest.raises(ValueError, match="Document is not a Mapping"):
            db.insert(wrong)
        with pytest.raises((ValueError, TypeError)):
            db.insert_multiple([wrong])
        assert len(db) == 3

    def test_values_keep_their_types(self, db: TinyDB, path: Path) -> None:
        document = {"none": None, "true": True, "int": 2**70, "one": 1, "float": 1.0, "small": 5e-324, "third": 1 / 3,
                    "text": "ä\u2028\n\0\"\\", "list": [1, [2.5, None]], "dict": {"a": {"b": []}}, "": {}}
        number = db.insert(document)
        assert repr(dict(db.get(doc_id=number))) == repr(document)
        db = self.reopened(db, path)
        assert repr(dict(db.get(doc_id=number))) == repr(document)
        db.close()

    def test_tuples_become_lists_and_keys_text(self, db: TinyDB, path: Path) -> None:
        number = db.insert({"pair": (1, 2), "table": {1: "a", None: "b", False: "c"}})
        db = self.reopened(db, path)
        assert db.get(doc_id=number) == {"pair": [1, 2], "table": {"1": "a", "null": "b", "false": "c"}}
        db.close()

    @pytest.mark.parametrize("wrong", [object(), {1, 2}, b"bytes", 1j])
    def test_what_json_cannot_hold_is_a_type_error(self, path: Path, wrong: Any) -> None:
        with type(self).open(path) as db, pytest.raises(TypeError):
            db.insert({"x": wrong})

    def test_search_and_get(self, db: TinyDB) -> None:
        item = Query()
        assert [d.doc_id for d in db.search(item.int == 1)] == [1, 2, 3]
        assert db.search((item.int == 1) & (item.char == "b")) == [{"int": 1, "char": "b"}]
        assert [d.doc_id for d in db.search((item.char == "a") | (item.char == "c"))] == [1, 3]
        assert [d.doc_id for d in db.search(~(item.char == "a"))] == [2, 3]
        assert [d.doc_id for d in db.search(item.char.matches("[ab]"))] == [1, 2]
        assert [d.doc_id for d in db.search(item.char.test(lambda c: c > "a"))] == [2, 3]
        assert [d.doc_id for d in db.search(item.char.one_of(["c", "z"]))] == [3]
        assert [d.doc_id for d in db.search(item.fragment({"char": "b"}))] == [2]
        assert [d.doc_id for d in db.search(item.noop())] == [1, 2, 3]
        assert db.search(item.other.exists()) == []
        assert db.get(item.int == 1).doc_id == 1
        assert db.get(item.int == 2) is None
        assert db.get(doc_id=2) == {"int": 1, "char": "b"}
        assert db.get(doc_id=2).doc_id == 2
        assert db.get(doc_id=9) is None
        assert [d.doc_id for d in db.get(doc_ids=[3, 1, 9])] == [1, 3]
        with pytest.raises(RuntimeError, match="cond or doc_id"):
            db.get()

    def test_contains_and_count(self, db: TinyDB) -> None:
        assert db.contains(where("char") == "a")
        assert not db.contains(where("char") == "z")
        assert db.contains(doc_id=1)
        assert not db.contains(doc_id=9)
        assert db.count(where("int") == 1) == 3
        with pytest.raises(RuntimeError, match="cond or doc_id"):
            db.contains()

    def test_nested_queries(self, db: TinyDB) -> None:
        db.insert({"a": {"b": {"c": 5}}, "tags": [{"n": 1}, {"n": 2}]})
        assert db.count(where("a").b.c == 5) == 1
        assert db.count(where("a")["b"]["c"] > 5) == 0
        assert db.count(where("tags").any(where("n") == 2)) == 1
        assert db.count(where("tags").all(where("n") == 2)) == 0

    def test_update(self, db: TinyDB, path: Path) -> None:
        assert db.update({"int": 2, "new": [1]}, where("char") == "a") == [1]
        assert db.update({"int": 3}, doc_ids=[2, *SKIPPED]) == [2]
        assert db.update({"seen": True}) == [1, 2, 3]
        assert db.update({"int": 9}, where("char") == "z") == []
        db = self.reopened(db, path)
        assert db.all() == [{"int": 2, "char": "a", "new": [1], "seen": True}, {"int": 3, "char": "b", "seen": True},
                            {"int": 1, "char": "c", "seen": True}]
        db.close()

    def test_update_between_equal_values_of_other_types(self, db: TinyDB) -> None:
        db.update({"int": True}, doc_ids=[1])
        db.update({"int": 1.0}, doc_ids=[2])
        assert [repr(d["int"]) for d in db] == ["True", "1.0", "1"]

    def test_update_by_operations(self, db: TinyDB) -> None:
        db.update(operations.increment("int"), where("char") == "a")
        db.update(operations.decrement("int"), where("char") == "b")
        db.update(operations.delete("int"), where("char") == "c")
        assert db.all() == [{"int": 2, "char": "a"}, {"int": 0, "char": "b"}, {"char": "c"}]
        db.update(operations.add("int", 5), doc_ids=[1])
        db.update(operations.subtract("int", 5), doc_ids=[2])
        db.update(operations.set("int", 7), doc_ids=[3])
        assert [d["int"] for d in db] == [7, -5, 7]

    def test_update_by_a_function_that_fails_changes_nothing(self, db: TinyDB, path: Path) -> None:
        def fails_at_b(document: dict) -> None:
            if document["char"] == "b":
                raise KeyError("b")
            document["int"] = 99

        with pytest.raises(KeyError):
            db.update(fails_at_b)
        db = self.reopened(db, path)
        assert [d["int"] for d in db] == [1, 1, 1]
        db.close()

    def test_update_multiple(self, db: TinyDB) -> None:
        updates = [({"int": 5}, where("char") == "a"), (operations.increment("int"), where("int") == 1)]
        assert db.update_multiple(updates) == [1, 2, 3]
        assert [d["int"] for d in db] == [5, 2, 2]

    def test_upsert(self, db: TinyDB) -> None:
        assert db.upsert({"int": 7}, where("char") == "a") == [1]
        assert db.upsert({"char": "z"}, where("char") == "z") == [4]
        assert db.upsert(Document({"int": 8}, doc_id=2)) == [2]
        assert db.upsert(Document({"int": 9}, doc_id=30)) == [30]
        with pytest.raises(ValueError, match="you must specify a doc_id"):
            db.upsert({"int": 1})
        assert [(d.doc_id, d.get("int")) for d in db] == [(1, 7), (2, 8), (3, 1), (4, None), (30, 9)]

    def test_remove(self, db: TinyDB, path: Path) -> None:
        assert db.remove(where("char") == "b") == [2]
        assert db.remove(doc_ids=[1, *SKIPPED]) == [1]
        assert db.remove(where("char") == "z") == []
        with pytest.raises(RuntimeError, match="truncate"):
            db.remove()
        db = self.reopened(db, path)
        assert [d.doc_id for d in db] == [3]
        db.close()

    def test_truncate(self, db: TinyDB, path: Path) -> None:
        db.truncate()
        assert len(db) == 0
        assert db.tables() == {"_default"}
        assert db.insert({}) == 1
        db = self.reopened(db, path)
        assert db.all() == [{}]
        db.close()

    def test_tables_are_apart(self, db: TinyDB, path: Path) -> None:
        other = db.table("other")
        assert db.table("other") is other
        assert db.tables() == {"_default"}
        other.insert({"x": 1})
        assert db.tables() == {"_default", "other"}
        assert (len(db), len(other)) == (3, 1)
        db.table("third").insert({"y": 1})
        db.drop_table("other")
        db.drop_table("never there")
        assert db.tables() == {"_default", "third"}
        assert len(db.table("other")) == 0
        db = self.reopened(db, path)
        assert db.tables() == {"_default", "third"}
        db.drop_tables()
        assert db.tables() == set()
        assert len(db) == 0
        assert db.insert({"x": 1}) == 1
        db = self.reopened(db, path)
        assert db.all() == [{"x": 1}]
        assert db.tables() == {"_default"}
        db.close()

    def test_an_empty_table_is_kept_when_asked(self, db: TinyDB, path: Path) -> None:
        db.table("kept", persist_empty=True)
        db.table("not kept")
        db = self.reopened(db, path)
        assert db.tables() == {"_default", "kept"}
        db.close()

    def test_the_query_cache_is_of_the_size_asked_and_sees_every_change(self, db: TinyDB) -> None:
        table = db.table("cached", cache_size=1)
        query = where("x") == 1
        table.insert({"x": 1})
        assert table.search(query) == table.search(query) == [{"x": 1}]
        table.insert({"x": 1})
        assert len(table.search(query)) == 2
        table.update({"x": 2}, doc_ids=[1])
        assert [d.doc_id for d in table.search(query)] == [2]
        table.remove(doc_ids=[2])
        assert table.search(query) == []
        table.clear_cache()
        table.truncate()
        assert table.search(where("x") == 2) == []
        uncached = db.table("uncached", cache_size=0)
        uncached.insert({"x": 1})
        assert uncached.search(query) == uncached.search(query) == [{"x": 1}]

    def test_iteration_and_repr(self, db: TinyDB) -> None:
        assert [doc.doc_id for doc in db] == [1, 2, 3]
        assert "'_default'" in repr(db)
        assert "total=3" in repr(db.table("_default"))


class TestStock(TinyDBContract):
    open = staticmethod(TinyDB)


class TestOurStorageUnderStockTables(TinyDBContract):
    open = staticmethod(lambda path: TinyDB(path, storage=AppendStorage))


class TestOurDatabase(TinyDBContract):
    open = staticmethod(Database)

    def test_results_are_copies(self, db: TinyDB) -> None:
        db.insert({"list": [1]})
        query = where("list").exists()
        for result in (db.search(query)[0], db.search(query)[0], db.get(query), db.get(doc_id=4), db.all()[3]):
            result["list"].append(2)
            result["more"] = 1
        assert db.search(query) == [{"list": [1]}]
        assert db.get(doc_id=4) == {"list": [1]}

    def test_a_document_handed_in_is_copied(self, db: TinyDB) -> None:
        document = {"list": [1]}
        number = db.insert(document)
        document["list"].append(2)
        assert db.get(doc_id=number) == {"list": [1]}

    @pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "\ud800"])
    def test_what_would_not_come_back_is_refused(self, db: TinyDB, wrong: object) -> None:
        with pytest.raises(ValueError, match=r"Out of range float|surrogates not allowed"):
            db.insert({"x": wrong})
        assert len(db) == 3

    def test_a_call_writes_what_it_changes(self, db: TinyDB) -> None:
        size = db.storage.size
        db.update({"int": 1}, where("char") == "a")  # it is 1 already
        assert db.storage.size == size
        db.insert_multiple({"text": "x" * 100} for _ in range(1000))
        size = db.storage.size
        db.update({"int": 2}, where("char") == "a")
        db.remove(doc_ids=[500])
        assert db.storage.size - size < 200

    def test_another_writers_changes_are_seen_by_a_reader_with_its_cache(self, db: TinyDB, path: Path) -> None:
        with Database(path, access_mode="r") as reader:
            query = where("int") == 1
            assert len(reader.search(query)) == 3
            db.insert({"int": 1})
            assert len(reader.search(query)) == 4
            db.update({"int": 2}, doc_ids=[1])
            assert [d.doc_id for d in reader.search(query)] == [2, 3, 4]
            db.storage.compact()
            db.remove(doc_ids=[2])
            assert [d.doc_id for d in reader.search(query)] == [3, 4]
            db.drop_tables()
            assert reader.tables() == set()


VALUES = st.sampled_from([0, 1, 1.0, True, None, "x", [1], {"d": [2]}])
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
A, B, C = where("a"), where("b"), where("c")
QUERIES = st.sampled_from([A == 1, B.exists(), ~(C == "x"), (A == 1) & (B == 0)])
IDS = st.lists(st.integers(1, 8), max_size=3, unique=True)
CALLS = st.one_of(
    st.tuples(st.just("insert"), DOCUMENTS),
    st.tuples(st.just("insert"), st.builds(Document, DOCUMENTS, doc_id=st.integers(1, 8))),
    st.tuples(st.just("insert_multiple"), st.lists(DOCUMENTS, max_size=3)),
    st.tuples(st.just("update"), DOCUMENTS, QUERIES),
    st.tuples(st.just("update"), st.just(operations.increment("a")), QUERIES),
    st.tuples(st.just("update"), DOCUMENTS, st.none(), IDS),
    st.tuples(st.just("update"), DOCUMENTS),
    st.tuples(st.just("upsert"), DOCUMENTS, QUERIES),
    st.tuples(st.just("remove"), QUERIES),
    st.tuples(st.just("remove"), st.none(), IDS),
    st.tuples(st.just("truncate")),
    st.tuples(st.just("search"), QUERIES),
    st.tuples(st.just("count"), QUERIES),
    st.tuples(st.just("all")),
)


def outcome(db: TinyDB, name: str, *arguments: Any) -> str:
    try:
        return repr(getattr(db, name)(*arguments))
    except Exception as error:  # noqa: BLE001 (which exception comes is part of what is compared)
        return repr(error)


@settings(max_examples=60, deadline=None)
@given(st.lists(CALLS, max_size=12))
def test_random_calls_have_tinydbs_outcome(calls: list[tuple]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stock, ours = TinyDB(Path(folder, "stock")), Database(Path(folder, "ours"))
        for call in calls:
            assert outcome(ours, *call) == outcome(stock, *call)
        ours.close()
        with Database(Path(folder, "ours")) as again:
            assert repr([(d.doc_id, d) for d in again]) == repr([(d.doc_id, d) for d in stock])
            assert again.tables() == stock.tables()
            again.storage.compact()
        with Database(Path(folder, "ours")) as again:
            assert repr([(d.doc_id, d) for d in again]) == repr([(d.doc_id, d) for d in stock])
            assert again.tables() == stock.tables()
        stock.close()
