"""`ktgtui --serve`: the workbench in a browser, on this computer or through an SSH tunnel from another one.

textual-serve shows a program to whoever reaches its port. Here that is only who can reach 127.0.0.1, and no foreign web page
in such a person's browser: not one that had its name resolve to 127.0.0.1 (DNS rebinding: its Host header is refused),
not one that opens a WebSocket to this address (its Origin is refused), not one that frames the workbench.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from engine.errors import EngineError

if TYPE_CHECKING:
    from aiohttp import web
    from multidict import CIMultiDictProxy

ADDRESS = "127.0.0.1"
NAMES = (ADDRESS, "localhost", "[::1]")
"""What a browser may call it: `ssh -L` listens on ::1 too."""

GRACE = 5.0
"""Seconds the served programs have to end in before they are killed, and for which a browser that reads no more is waited for."""


class ServeError(EngineError):
    """What stands in the way of serving."""


def command(folder: Path, *, writable: bool, theme: str | None) -> str:
    """The shell's command line for one visitor's workbench. `exec`: the shell makes way, so that a child is a workbench.

    xterm.js shows all colours and is no tmux or screen, wherever this was started.
    """
    environment = ["env", "-u", "TMUX", "-u", "STY", "COLORTERM=truecolor"]
    flags = ([] if writable else ["--readonly"]) + (["--theme", theme] if theme else [])
    return "exec " + shlex.join([*environment, sys.executable, "-m", "ktgtui", str(folder.absolute()), *flags])


def refusal(headers: CIMultiDictProxy[str], port: int) -> str | None:
    """Why a request to this port is none of a page of ours, in one line; None if it may pass."""
    hosts = {f"{name}:{port}" for name in NAMES} | ({*NAMES} if port == 80 else set())
    asked = headers.getall("Host", [])
    if len(asked) != 1 or asked[0].lower() not in hosts:
        return f"refused: this answers to http://{ADDRESS}:{port}/ only"
    if not {origin.lower() for origin in headers.getall("Origin", [])} <= {f"http://{host}" for host in hosts}:
        return "refused: asked by a page from elsewhere"
    return None


async def application(served: str, port: int, title: str) -> web.Application:
    """textual-serve's application behind the guard. Raises ServeError if textual-serve is not installed."""
    try:
        from aiohttp import web
        from textual_serve.server import Server
    except ModuleNotFoundError:
        raise ServeError("--serve needs textual-serve, which is not installed", "pip install 'ktgtui[serve]'") from None
    server = Server(served, ADDRESS, port, title)
    server.console.quiet = True  # its banner shows the command line; what a person needs is in `announcement`
    sessions: set[asyncio.Task[object]] = set()

    @web.middleware
    async def guard(request: web.Request,
                    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        if said := refusal(request.headers, port):
            raise web.HTTPForbidden(text=said)
        task = asyncio.current_task()
        assert task is not None
        sessions.add(task)
        try:
            return await handler(request)
        finally:
            sessions.discard(task)

    async def unframed(_: web.Request, response: web.StreamResponse) -> None:
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"

    async def end_sessions(_: web.Application) -> None:
        """Each cancelled one asks its workbench to quit and waits for that."""
        for task in sessions:
            task.cancel()
        if sessions:
            await asyncio.wait(sessions, timeout=GRACE)

    app = await server._make_app()  # textual-serve 1.1.3 has no other way to its application
    app.middlewares.append(guard)
    app.on_response_prepare.append(unframed)
    app.on_shutdown.append(end_sessions)
    return app


def listener(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1. Raises ServeError if the port cannot be had."""
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        raise ServeError(f"--port {port}: {os.strerror(error.errno or 0)}", "name another one, such as --port 8765") from None


def announcement(folder: Path, port: int, *, writable: bool) -> str:
    """Where it is, how to get there from elsewhere, who else can, and how it ends."""
    url = f"http://{ADDRESS}:{port}/"
    may = "whoever opens it may write and start searches" if writable else "read-only"
    return (f"serving {folder.absolute()} on {url} ({may})\n"
            f"from another computer: ssh -L {port}:{ADDRESS}:{port} {socket.gethostname()}, then {url} there\n"
            "everybody who is logged in on this computer can open it; Ctrl-C ends it")


async def _until_told(folder: Path, port: int, served: str, said: str) -> None:
    app = await application(served, port, f"ktgtui {folder.resolve().name}")
    from aiohttp import web

    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    with closing(listener(port)) as listening:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        print(said, flush=True)
        await told.wait()
        await runner.cleanup()
    for late in psutil.Process().children():  # not their children: searches outlive all of this
        late.kill()
    while psutil.Process().children():  # until asyncio has seen them end: else it complains when its loop is closed
        await asyncio.sleep(0.01)


def run(folder: Path, port: int, *, writable: bool, theme: str | None) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Raises ServeError."""
    served = command(folder, writable=writable, theme=theme)
    asyncio.run(_until_told(folder, port, served, announcement(folder, port, writable=writable)))
