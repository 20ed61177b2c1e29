"""`ktgtui [FOLDER]`: arguments are read before anything heavy is imported, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.cli import Parser

THEMES = ("auto", "dark", "light", "ansi")
"""As in `ktgtui.config.settings`, which `--help` need not load."""

PORT = 8000
FRAMES = "240"
"""Frames a second at most. What a thread answers a key comes a frame after the key: at Textual's 60 it waited 27 ms."""

DESCRIPTION = """
Workbench for knowledge transfer graphs: see searches run, split their EDFs by condition, turn what is seen into a
constraint. Searches are processes of their own: leaving this leaves them running.
"""

EPILOG = """examples:
  ktgtui                       the workbench on this folder's spaces/ and runs/
  ktgtui ~/study --readonly    look, change nothing
  ktgtui runs/digits-A-random600   one run folder, also a copied one
  ktgtui ~/study --serve       in a browser of this computer, or through an SSH tunnel
"""


def parser() -> argparse.ArgumentParser:
    made = Parser("ktgtui", DESCRIPTION)
    made.prog, made.epilog = "ktgtui", EPILOG
    made.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, default=Path(),
                      help="holds spaces/ and runs/, or is a run folder itself (default: this folder)")
    made.add_argument("--readonly", action="store_true", help="write nothing and start nothing")
    made.add_argument("--theme", choices=THEMES,
                      help="colours; ansi: the terminal's own sixteen (default: dark, or ansi where there are no more)")
    made.add_argument("--serve", action="store_true",
                      help="show it, read-only, in a browser, on 127.0.0.1 alone (pip install 'ktgtui[serve]')")
    made.add_argument("--port", metavar="P", type=_port, help=f"where --serve listens (default: {PORT})")
    made.add_argument("--writable", action="store_true", help="let what --serve shows write and start searches")
    made.add_argument("--settings", action="store_true",
                      help="write a commented settings file if there is none, say where it is, and leave")
    made.add_argument("--version", action="store_true", help="print the version and leave")
    return made


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the workbench; the exit code. 2 for a folder that is not there, a terminal that is none, a port that is taken."""
    made = parser()
    options = made.parse_args(arguments)
    if not options.serve and (options.port or options.writable):
        made.error("--port and --writable are of --serve")
    if options.readonly and options.writable:
        made.error("--readonly and --writable exclude each other")
    if options.version:
        from importlib import metadata  # 15 ms that nothing else here needs

        print(f"ktgtui {metadata.version('ktgtui')}")
        return 0
    from engine.errors import EngineError

    if sys.platform == "win32":
        from engine.cli import ELSEWHERE

        print(f"error: {ELSEWHERE}", file=sys.stderr)
        return 2
    try:
        return _settings() if options.settings else _open(options)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _settings() -> int:
    from ktgtui.app import bound
    from ktgtui.config import keymap, settings

    file = settings.path()
    print(file if settings.write(file, settings.commented(list(keymap.every(bound())))) else f"{file} (it was there)")
    return 0


def _open(options: argparse.Namespace) -> int:
    """The workbench until it is left. Raises EngineError."""
    if refusal := _refusal(options.folder, anywhere=options.serve or "TEXTUAL_DRIVER" in os.environ):
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    from ktgtui.config import settings

    chosen = settings.read(settings.path())
    if options.serve:
        from ktgtui.terminal import serve

        serve.run(options.folder, options.port or PORT, writable=options.writable, theme=options.theme)
        return 0
    os.environ.setdefault("TEXTUAL_FPS", FRAMES)
    gc.disable()  # until the first snapshot: collecting what loading makes costs a tenth of the start and frees nothing
    from ktgtui.app import Workbench

    app = Workbench(options.folder, readonly=options.readonly, look=options.theme or chosen.theme, settings=chosen)
    app.run()
    if app.return_code == 1:
        print(f"error: the workbench broke off; {app.crash_message}", file=sys.stderr)
    return app.return_code or 0


def _refusal(folder: Path, *, anywhere: bool) -> str | None:
    """Why the workbench cannot open, in one line. `anywhere`: not in a terminal; TEXTUAL_DRIVER tells a served one how."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "no such folder"
        return f"{folder}: {what}; name the folder that holds spaces/ and runs/"
    if not anywhere and not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "the workbench needs a terminal; python -m engine.search and engine.analysis work without one"
    return None


if __name__ == "__main__":
    sys.exit(main())
