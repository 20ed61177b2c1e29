"""What all commands share: one line for an error, exit codes, and what the terminal can show."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from engine.errors import EngineError, Stopped

BAD_INPUT, INTERRUPTED = 2, 130


class Parser(argparse.ArgumentParser):
    """`python -m MODULE`: the module's docstring as help, and one line on a wrong command line."""

    def __init__(self, module: str, doc: str) -> None:
        super().__init__(
            prog=f"python -m {module}", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(BAD_INPUT)


class Part(Parser):
    """One verb of a command with several; made by argparse, which names it after its parent."""

    def __init__(self, *, prog: str, description: str = "") -> None:
        super().__init__(prog.removeprefix("python -m "), description)


def run(command: Callable[[], int], after_interrupt: str = "") -> int:
    """Call a command: an EngineError becomes one line on stderr and exit code 2, Ctrl-C and Stopped one line and their code.

    `after_interrupt` says what an end before its time leaves and how to go on.
    """
    try:
        code = command()
        sys.stdout.flush()
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print(": ".join(filter(None, ("interrupted", after_interrupt))), file=sys.stderr)
        return INTERRUPTED
    except Stopped as ended:
        print(": ".join(filter(None, (ended.line, after_interrupt))), file=sys.stderr)
        return ended.code
    except BrokenPipeError:
        # The reader went away (`| head`): not an error, and the interpreter must not complain again while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        # Looking whether a path is there raises this, wherever a command is given one: a mistyped argument, not a fault.
        print(f"error: {str(error.filename)[:60]}...: the name is too long for a file; name a shorter one", file=sys.stderr)
        return BAD_INPUT
    return code


def leave(code: int) -> NoReturn:
    """End a process that has loaded torch: taking the interpreter down in order takes 1-2 s more, 8 s on a busy machine."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


@dataclass(frozen=True, slots=True)
class Screen:
    """What stdout can show."""

    width: int
    colour: bool
    plain: bool
    """True if only ASCII can be printed."""


def screen() -> Screen:
    """Width, colour (a terminal, and NO_COLOR unset) and character set of stdout."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return Screen(shutil.get_terminal_size((100, 40)).columns, colour, not encoding.startswith("utf"))
