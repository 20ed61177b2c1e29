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

PLAIN_EVERY = 10.0
"""Seconds between lines where stderr is no terminal (a log file)."""

ELSEWHERE = "ktgtui runs on Linux and macOS: run folders need the kernel's file locks; on Windows use WSL"


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
    if sys.platform == "win32":
        _say(f"error: {ELSEWHERE}")
        return BAD_INPUT
    try:
        code = command()
        sys.stdout.flush()
    except EngineError as error:
        _say(f"error: {error}")
        return BAD_INPUT
    except KeyboardInterrupt:
        _say(": ".join(filter(None, ("interrupted", after_interrupt))))
        return INTERRUPTED
    except Stopped as ended:
        _say(": ".join(filter(None, (ended.line, after_interrupt))))
        return ended.code
    except BrokenPipeError:  # the reader went away (`| head`): not an error
        _drop_output()
        return 0
    except OSError as error:
        _say(f"error: {_refused(error)}")
        return BAD_INPUT
    return code


def _refused(error: OSError) -> str:
    """The line for what only the system can know, wherever a command comes across it. Raises what is a fault of ours."""
    if error.errno == errno.ENAMETOOLONG:  # looking whether a path is there raises it: a mistyped argument
        return f"{str(error.filename)[:60]}...: the name is too long for a file; name a shorter one"
    if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
        _drop_output()
        return f"what is printed cannot be written: {error.strerror}; free some space and start again"
    raise error


def _say(line: str) -> None:
    """On stderr, which may be a log on a full disk or a terminal that is gone: the exit code still tells."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _drop_output() -> None:
    """What could not be printed is dropped, or the interpreter would complain again while it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
