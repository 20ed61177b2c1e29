"""What of Textual is overridden is there, stays in one folder, and can be left out."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual._compositor import Compositor

import ktgtui
from ktgtui.terminal import textual_patches
from ktgtui.terminal.compositor import Frames
from tests.ktgtui.conftest import Opened


@pytest.mark.parametrize("wanted", [textual_patches.COMPOSITOR, textual_patches.OTHERS])
def test_textual_has_every_member_that_is_overridden(wanted: dict[str, tuple[str, ...]]) -> None:
    held = textual_patches.WRITTEN_AGAINST
    assert textual_patches.missing(wanted) == [], f"the overrides were held against Textual {held}: see textual_patches.py"


def test_a_member_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Compositor, "_render_chops")
    assert textual_patches.missing() == ["textual._compositor:Compositor._render_chops"]
    assert textual_patches.missing({"textual._gone:Class": ("a",), "textual.app:App": ("switch_mode", "gone")}) == [
        "textual._gone:Class.a", "textual.app:App.gone"]


async def test_a_page_is_the_same_without_the_overrides(study: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, kinds = [], []
    for lacking in (False, True):
        with monkeypatch.context() as version:
            if lacking:
                version.setattr(textual_patches, "missing", lambda: ["textual._compositor:Compositor._render_chops"])
            async with opened(study) as pilot:
                await pilot.press("2")
                await pilot.pause(0.3)
                kinds.append(type(pilot.app.screen._compositor))
                shown.append(textual_patches.text(pilot.app.screen))
    assert kinds == [Frames, Compositor]
    assert shown[0] == shown[1]


@pytest.mark.parametrize("page", ["1", "2", "4", "6"])
async def test_a_screenshot_holds_the_same_text(study: Path, opened: Opened, page: str) -> None:
    async with opened(study) as pilot:
        await pilot.press(page)
        await pilot.pause(0.3)
        text = textual_patches.text(pilot.app.screen)
        assert textual_patches.text_of_svg(pilot.app.export_screenshot()).rstrip() == text.rstrip()


def test_blanks_and_wide_characters_keep_their_places() -> None:
    from io import StringIO

    from rich.console import Console

    console = Console(record=True, width=30, file=StringIO(), color_system="truecolor", force_terminal=True)
    console.print("  a [red]b[/]   <c> & 漢字 d")
    console.print("")
    console.print("e")
    assert textual_patches.text_of_svg(console.export_svg()).split("\n")[0] == "  a b   <c> & 漢字 d"


def private(names: Iterator[str]) -> set[str]:
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def defined(kind: type) -> set[str]:
    """Private members that a class's own statement defines: in its body, and by `self._name = ...`."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):
        return set()
    assert isinstance(tree, ast.ClassDef)
    body = (name for node in tree.body for name in named(node))
    return private(body) | private(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
                                   and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self")


def named(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id


def used(kind: type) -> set[str]:
    """Private members that a class reads or writes on itself."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    return private(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self")


def of_textual(kind: type) -> set[str]:
    """Private members of the classes of Textual that a class descends from."""
    bases = (base for base in kind.__mro__ if base.__module__.partition(".")[0] == "textual")
    return {name for base in bases for name in defined(base)}


def ours() -> Iterator[type]:
    """Every class of the workbench."""
    for found in pkgutil.walk_packages(ktgtui.__path__, "ktgtui."):
        module = importlib.import_module(found.name)
        yield from (kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == found.name)


def test_no_private_member_of_textual_is_touched_outside_one_folder() -> None:
    touched = {f"{kind.__module__}.{kind.__qualname__}.{name}" for kind in ours()
               for name in (defined(kind) | used(kind)) & of_textual(kind)}
    elsewhere = {name for name in touched if not name.startswith("ktgtui.terminal.")}
    assert elsewhere == set()
    assert "ktgtui.terminal.compositor.Frames._render_chops" in touched, "the search finds what is there"
    assert "ktgtui.terminal.textual_patches.PatchedApp._handle_exception" in touched


def test_nobody_reaches_into_other_objects() -> None:
    """`x._name` where x is not self: of Textual or of ours; modules `textual._*` are imported in one folder too."""
    reached = []
    top = Path(ktgtui.__path__[0])
    for file in top.rglob("*.py"):
        if file.is_relative_to(top / "terminal"):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and private(iter([node.attr])) and ast.unparse(node.value) not in ("self", "cls"):
                reached.append(f"{file.relative_to(top)}:{node.lineno} {ast.unparse(node)}")
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual._"):
                reached.append(f"{file.relative_to(top)}:{node.lineno} {node.module}")
    assert reached == []
