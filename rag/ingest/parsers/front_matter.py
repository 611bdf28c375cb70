"""The head of a Markdown file: the few keys that carry text, read without a YAML library.

A full YAML reader is slow in pure Python, refuses the unquoted colons that people write in titles, and
expands aliases; here a line that is not understood is skipped.
"""

from __future__ import annotations

import re
import tomllib

FrontMatter = dict[str, list[str]]

_HEAD = re.compile(r"---[ \t]*\n(?=[\s#]*[\w-]+[ \t]*:)(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TOML_HEAD = re.compile(r"\+\+\+[ \t]*\n(.*?)\n\+\+\+[ \t]*(?:\n|\Z)", re.S)
_SEARCH = 65_536
_KEY = re.compile(r"([\w-]+)[ \t]*:(?:[ \t]+(.*)|[ \t]*)$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)$")
_BLOCK_SCALAR = re.compile(r"[|>][+-]?\d?\s*(?:#.*)?$")
_ESCAPE = re.compile(r"\\(.)")


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """Return the values of the top-level keys (one, or the strings of a list) and the text after the head."""
    if match := _HEAD.match(text, 0, _SEARCH):
        return _read(match.group(1).split("\n")), text[match.end() :]
    if match := _TOML_HEAD.match(text, 0, _SEARCH):
        try:
            return _from_toml(tomllib.loads(match.group(1))), text[match.end() :]
        except tomllib.TOMLDecodeError:
            return {}, text
    return {}, text


def _from_toml(table: dict[str, object]) -> FrontMatter:
    head: FrontMatter = {}
    for key, value in table.items():
        items = value if isinstance(value, list) else [value]
        head[key.lower()] = [item for item in items if isinstance(item, str)]
    return head


def _read(lines: list[str]) -> FrontMatter:
    head: FrontMatter = {}
    key, body = "", list[str]()
    for line in [*lines, "end:"]:
        match = _KEY.match(line)
        if match:
            if key:
                head[key] = _values(body)
            key, body = match.group(1).lower(), [match.group(2) or ""]
        elif not line.startswith("#"):
            body.append(line)
    return head


def _values(body: list[str]) -> list[str]:
    """Return the strings under a key: a scalar on its line, a folded or literal block, or a list of them."""
    first, rest = body[0].strip(), body[1:]
    if _BLOCK_SCALAR.match(first):
        joint = "\n" if first.startswith("|") else " "
        return [joint.join(line.strip() for line in rest).strip()]
    if first:
        scalar = " ".join([first, *(line.strip() for line in rest if line.strip())])
        return [_unquoted(scalar)]
    items = [match.group(1) for line in rest if (match := _ITEM.match(line))]
    return [_unquoted(item.strip()) for item in items if not _KEY.match(item)]


def _unquoted(scalar: str) -> str:
    if len(scalar) > 1 and scalar[0] == scalar[-1] == '"':
        return _ESCAPE.sub(r"\1", scalar[1:-1])
    if len(scalar) > 1 and scalar[0] == scalar[-1] == "'":
        return scalar[1:-1].replace("''", "'")
    return re.sub(r"\s+#.*$", "", scalar)
