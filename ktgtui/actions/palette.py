"""The lists that can be called up anywhere: the keys, places to go, what was done, what to constrain next."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engine.errors import EngineError
from ktgtui.actions.selection import refine, work_on
from ktgtui.context import PAGE_NAMES, Context, PageName
from ktgtui.data.last_visit import since
from ktgtui.dialogs.picker import Entry, Listing
from ktgtui.drawing import formatting

if TYPE_CHECKING:
    from textual.dom import DOMNode

    from engine.analysis.advice.advise import Advised


FOREIGN = {"app.focus_next": "next part of the page", "app.focus_previous": "part before"}
"""Textual's own bindings in words."""
UNTOLD = {"screen.copy_text", "help_quit", "app.help_quit"}
"""Of Textual too: text is not selected by mouse here; `y` copies."""


def keys(context: Context) -> None:
    """Every key that does something here; Enter does it."""
    keys: dict[str, list[str]] = {}
    actions: dict[str, tuple[DOMNode, str, str]] = {}
    app = context.screen.app
    every = sorted(context.screen.active_bindings.values(), key=lambda active: not active.binding.show)  # own keys first
    for active in every:
        binding = active.binding
        if binding.action in UNTOLD:
            continue
        keys.setdefault(binding.action, []).append(binding.key_display or app.get_key_display(binding))
        does = FOREIGN.get(binding.action, binding.description) or binding.action
        actions.setdefault(binding.action, (active.node, binding.action, does))
    entries = [Entry(name, "  ".join(dict.fromkeys(keys[name])), does) for name, (_, _, does) in actions.items()]

    async def taken(name: str | None) -> None:
        if name is not None:
            node, action, _ = actions[name]
            await app.run_action(action, node)

    context.push_screen(Listing("key", entries, "do it"), taken)


def places(context: Context) -> None:
    """Pages, runs and spaces; Enter goes there."""
    shot = context.snapshot
    entries = [Entry(f"page {name}", name, "page") for name in PAGE_NAMES]
    entries += [Entry(f"run {r.folder}", r.name, f"run, {r.phase} {formatting.progress(r.done, r.total)}")
                for r in shot.runs]
    entries += [Entry(f"space {s.reference}", s.name, "space, " + ("; ".join(s.phrases) or "no constraint"))
                for s in shot.spaces if not s.error]

    def taken(name: str | None) -> None:
        kind, _, target = (name or "").partition(" ")
        if kind == "page":
            context.show_page(cast(PageName, target))
        elif kind == "run":
            context.select_run(Path(target))
            context.show_page("live")
        elif kind == "space":
            work_on(context, target)
            context.show_page("refine")

    context.push_screen(Listing("go to", entries, "go"), taken)


def commands(context: Context) -> None:
    """The headless command of everything done here, newest first; Enter copies it."""
    entries = [Entry(str(i), command, "", command) for i, command in reversed(list(enumerate(context.session.commands)))]

    def taken(name: str | None) -> None:
        if name is not None:
            context.copy(context.session.commands[int(name)])

    context.push_screen(Listing("the same without the workbench", entries, "copy", "nothing was done here yet"), taken)


def news(context: Context) -> None:
    """What happened since the last visit; Enter goes to the run."""
    visit = context.session.last_visit
    entries = [Entry(str(n.run), n.name, n.said, f"{n.name}: {n.said}") for n in context.session.news]

    def taken(name: str | None) -> None:
        if name is not None:
            context.select_run(Path(name))
            context.show_page("live")

    title = f"since {since(visit, time.time())}" if visit else "news"
    context.push_screen(Listing(title, entries, "go there", "nothing happened since the last visit"), taken)


def log(context: Context) -> None:
    """The chosen run's log, newest first; Enter copies a line."""
    lines = context.snapshot.chosen.log if context.snapshot.chosen else ()
    entries = [Entry(str(i), line, "", line) for i, line in reversed(list(enumerate(lines)))]

    def taken(name: str | None) -> None:
        if name is not None:
            context.copy(lines[int(name)])

    context.push_screen(Listing("log", entries, "copy", "no log yet"), taken)


def advice(context: Context) -> None:
    """Constraints ranked by what the chosen run's trials say; Enter takes one to the refine page."""
    run = context.snapshot.chosen
    if run is None:
        context.notify("no run chosen", severity="warning")
        return
    known = context.samples

    def ask() -> Advised:
        from engine.analysis.advice.advise import advise

        return advise(known.of(run))

    context.background.ask("advice", ask, lambda found: _advised(context, found))


def _advised(context: Context, found: Advised | EngineError) -> None:
    if isinstance(found, EngineError):
        context.notify(str(found), severity="warning")
        return
    from engine.analysis.advice.advise import reason

    entries = []
    for one in found.ranked:
        sure = "sure " if one.is_sure else "     "
        median = f"n = {one.child.n:,}  median {one.child.median:.2f} %"
        entries.append(Entry(one.phrase, one.phrase, f"{sure} {median}", reason(one, found)))

    def taken(phrase: str | None) -> None:
        if phrase:
            refine(context, phrase)

    context.push_screen(Listing("constraint", entries, "refine with it"), taken)


LISTS: dict[str, Callable[[Context], None]] = {
    "keys": keys, "places": places, "commands": commands, "news": news, "log": log, "advice": advice,
}
"""By the name in `list('NAME')`."""
