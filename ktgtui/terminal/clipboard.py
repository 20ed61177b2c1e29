"""Copying over SSH: the terminal is asked to copy (OSC 52), wrapped where tmux or screen would swallow that."""

from __future__ import annotations

import base64
from collections.abc import Mapping

LARGEST = 74_000
"""Bytes of text: xterm and tmux refuse sequences above about 100,000 characters of base64."""


def sequence(text: str, environ: Mapping[str, str]) -> str:
    """The escape sequence that copies `text`, cut at LARGEST bytes."""
    payload = base64.b64encode(text.encode()[:LARGEST]).decode()
    bare = f"\x1b]52;c;{payload}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + bare.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        return f"\x1bP{bare}\x1b\\"
    return bare
