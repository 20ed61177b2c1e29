"""What msgspec says of a value it refuses, in a person's words: the same for a file's keys and for `--set`."""

from __future__ import annotations

import json
import re
from typing import Any, get_args, get_type_hints

_KINDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "an object",
}


def in_words(reason: str, record: type, key: str) -> str:
    """What belongs at a record's `key`: "expected a whole number", "expected 'sgd' or 'adamw'"."""
    if reason.startswith("Invalid enum value"):
        return "expected " + " or ".join(map(repr, get_args(get_type_hints(record)[key])))
    if "matching regex" in reason:  # only names have a pattern
        return "expected letters, digits and _ . + -, in parts joined by /, none of which begins with . + or -"
    reason = re.sub(r"`([^`]*)`", lambda types: _kinds(types[1]), re.sub(r", got `.*", "", reason))
    return reason[0].lower() + reason[1:]


def _kinds(types: str) -> str:
    return " or ".join(_KINDS.get(kind, kind) for kind in types.split(" | ") if kind != "null")


def shown(value: Any) -> str:
    """The value as JSON writes it, cut at 60 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
