"""`ktgtui --serve`: who may come in, what they may do, and how it ends; by real requests to real servers."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from ktgtui import __main__ as front
from ktgtui.terminal import serve

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")

from aiohttp import web  # noqa: E402
from aiohttp.test_utils import unused_port  # noqa: E402

PAGE = "import os; print('__GANGLION__', flush=True); os.write(1, b'D' + (5).to_bytes(4, 'big') + b'hello'); input()"
"""The least that textual-serve takes for a Textual program: its greeting, then one packet."""


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where a small served program is to be had."""
    number, before = unused_port(), {*psutil.Process().children()}
    app = await serve.application(f"exec {shlex.join([sys.executable, '-c', PAGE])}", number, "a <title>")
    with closing(serve.listener(number)) as listening:
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield number
        await runner.cleanup()
    while {*psutil.Process().children()} - before:
        await asyncio.sleep(0.01)


async def status(port: int, path: str = "/", **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer:
        return int(answer.status)


async def raw(port: int, request: str) -> str:
    """The first line answered to a request as it stands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    line = await reader.readline()
    writer.close()
    return line.decode()


@pytest.mark.parametrize("path", ["/", "/ws", "/static/js/textual.js", "/download/x", "/none"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}",
                                  "127.0.0.1:{port}.evil", "0.0.0.0:{port}", "192.168.1.9:{port}"])
async def test_another_name_is_refused_on_every_path(port: int, path: str, host: str) -> None:
    assert await status(port, path, Host=host.format(port=port)) == 403


async def test_no_name_or_two_are_refused(port: int) -> None:
    assert " 40" in await raw(port, "GET / HTTP/1.1\r\n\r\n")
    assert " 403 " in await raw(port, "GET / HTTP/1.0\r\n\r\n")
    assert " 40" in await raw(port, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n")
    assert " 403 " in await raw(port, f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: evil.example\r\n\r\n")


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LocalHost:{port}", "[::1]:{port}"])
async def test_our_own_names_are_answered(port: int, host: str) -> None:
    assert await status(port, Host=host.format(port=port)) == 200


async def test_the_page_may_not_be_framed_and_asks_only_here(port: int) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/") as answer:
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        page = await answer.text()
    assert f'"ws://127.0.0.1:{port}/ws"' in page
    assert "a &lt;title&gt;" in page


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1",
                                    "http://127.0.0.1:1", "http://localhost.evil:{port}", "http://127.0.0.1:{port}.evil"])
async def test_a_foreign_page_opens_no_session(port: int, origin: str) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"http://127.0.0.1:{port}/ws", origin=origin.format(port=port))
    assert refused.value.status == 403


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:{port}", "http://localhost:{port}", "http://[::1]:{port}"])
async def test_our_own_page_opens_a_session(port: int, origin: str | None) -> None:
    async with aiohttp.ClientSession() as session:
        given = origin and origin.format(port=port)
        async with session.ws_connect(f"http://127.0.0.1:{port}/ws", origin=given) as opened:
            assert await opened.receive_bytes(timeout=20) == b"hello"
            await opened.send_str('["stdin", "\\n"]')


def test_port_80_goes_without_saying() -> None:
    from multidict import CIMultiDict, CIMultiDictProxy

    def said(**headers: str) -> str | None:
        return serve.refusal(CIMultiDictProxy(CIMultiDict(headers)), 80)

    assert said(Host="localhost", Origin="http://127.0.0.1") is None
    assert said(Host="localhost:80") is None
    assert said(Host="evil.example") is not None


def test_it_is_read_only_unless_told_otherwise(tmp_path: Path) -> None:
    folder = tmp_path / "a b; touch c"
    words = shlex.split(serve.command(folder, writable=False, theme="light"))
    assert words[words.index("-m"):] == ["-m", "ktgtui", str(folder), "--readonly", "--theme", "light"]
    words = shlex.split(serve.command(folder, writable=True, theme=None))
    assert words[words.index("-m"):] == ["-m", "ktgtui", str(folder)]


def test_a_folder_called_like_a_flag_stays_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(serve.command(Path("--writable"), writable=False, theme=None))
    assert front.parser().parse_args(words[words.index("ktgtui") + 1:]).folder == tmp_path / "--writable"


def test_what_is_told_names_the_tunnel(tmp_path: Path) -> None:
    said = serve.announcement(tmp_path, 8123, writable=False)
    assert "ssh -L 8123:127.0.0.1:8123 " in said
    assert "http://127.0.0.1:8123/" in said
    assert "(read-only)" in said
    assert "may write" in serve.announcement(tmp_path, 8123, writable=True)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    assert front.main([str(tmp_path), "--serve", "--port", str(unused_port())]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "error: --serve needs textual-serve, which is not installed; pip install 'ktgtui[serve]'\n"


def test_a_taken_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(serve.listener(unused_port())) as taken:
        number = taken.getsockname()[1]
        assert front.main([str(tmp_path), "--serve", "--port", str(number)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"error: --port {number}: Address already in use; name another one, such as --port 8765\n"


@pytest.mark.parametrize(("words", "said"), [
    (["--serve", "--port", "0"], "must be a number from 1 to 65535, got '0'"),
    (["--serve", "--port", "65536"], "must be a number from 1 to 65535, got '65536'"),
    (["--serve", "--port", "http"], "must be a number from 1 to 65535, got 'http'"),
    (["--port", "8000"], "--port and --writable are of --serve"),
    (["--writable"], "--port and --writable are of --serve"),
    (["--serve", "--readonly", "--writable"], "--readonly and --writable exclude each other"),
])
def test_a_wrong_command_line_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        front.main(words)
    assert left.value.code == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The real program on an empty folder, and its port."""
    number = unused_port()
    homes = {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in ("CONFIG", "STATE", "CACHE", "DATA")}
    (tmp_path / "study").mkdir()
    process = subprocess.Popen([sys.executable, "-m", "ktgtui", str(tmp_path / "study"), "--serve", "--port", str(number)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **homes})
    assert process.stdout is not None
    assert process.stdout.readline().startswith("serving ")  # it listens
    with process:
        yield process, number
        if process.poll() is None:
            process.kill()


async def _to_the_end(session: aiohttp.ClientWebSocketResponse) -> None:
    """Read on, as a browser does: who does not is waited for, for a while."""
    async for _ in session:
        pass


async def _until(session: aiohttp.ClientWebSocketResponse, words: bytes) -> None:
    """Read what is painted until the words have been."""
    seen = b""
    while words not in seen:
        seen += await session.receive_bytes(timeout=200)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_two_visitors_see_the_workbench_cannot_write_and_are_sent_home(
        served: tuple[subprocess.Popen[str], int], tmp_path: Path, number: signal.Signals) -> None:
    process, port = served
    itself = psutil.Process(process.pid)
    listening = [c.laddr for c in itself.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", port)]
    url = f"http://127.0.0.1:{port}/ws?width=120&height=40"
    async with aiohttp.ClientSession() as client, client.ws_connect(url) as one, client.ws_connect(url) as two:
        for visitor in (one, two):
            await _until(visitor, b"digits/A")
        await one.send_json(["stdin", "w"])
        await _until(one, b"read-only: nothing is written")
        children = itself.children(recursive=True)
        assert len(children) == 2
        process.send_signal(number)
        await asyncio.gather(_to_the_end(one), _to_the_end(two))
        assert await asyncio.to_thread(process.wait, serve.GRACE - 1) == 0  # nobody had to be killed
    assert psutil.wait_procs(children, timeout=50)[1] == []
    assert process.stdout is not None
    assert "Traceback" not in process.stdout.read()
    assert list((tmp_path / "study").iterdir()) == []


async def test_a_visitor_who_leaves_takes_the_workbench_along(served: tuple[subprocess.Popen[str], int]) -> None:
    process, port = served
    async with aiohttp.ClientSession() as client, client.ws_connect(f"http://127.0.0.1:{port}/ws") as visitor:
        await _until(visitor, b"digits/A")
        children = psutil.Process(process.pid).children()
    assert psutil.wait_procs(children, timeout=50)[1] == []
    assert process.poll() is None
