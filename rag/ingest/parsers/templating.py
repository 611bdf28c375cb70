"""What site generators add to Markdown: Liquid tags, kramdown attributes, ``:::`` boxes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_COMMENT = re.compile(r"\{%-?\s*(end)?comment\s*-?%\}")
_ASSIGN = re.compile(r"\{%-?\s*assign\s+([\w.]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')[^%]*%\}")
_TAG = re.compile(r"(?P<indent>[ \t]*)\{%-?\s*(?P<name>\w+)(?P<body>.*?)-?%\}", re.S)
_OUTPUT = re.compile(r"\{\{-?\s*([\w.-]+)?[^{}]*\}\}")
_PARAMETER = re.compile(r"\w+\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ATTRIBUTES = re.compile(r"[ \t]*\{:[ \t]*[.#\w][^{}\n]*\}")
_BOX = re.compile(r"^[ \t>]*:{3,}[ \t]*[\w-]*[ \t]*\{?([^\n{}]*)\}?[ \t]*$", re.M)
_PROSE_WORDS = 5
"""A tag's parameter with at least this many words is text of the page (questions, captions)."""


def outside_fences(text: str, change: Callable[[str], str]) -> str:
    """Return the text with ``change`` applied to each stretch between fenced code blocks."""
    done: list[str] = []
    stretch: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        match = _FENCE.match(line)
        if fence:
            done.append(line)
            closes = match is not None and match.group(1).startswith(fence)
            fence = "" if closes else fence
        elif match:
            done.extend((change("".join(stretch)), line))
            stretch, fence = [], match.group(1)
        else:
            stretch.append(line)
    return "".join((*done, change("".join(stretch))))


def resolve_liquid(text: str, page: Mapping[str, str]) -> str:
    """Return text with Liquid outputs filled from assignments and the page's head, and tags removed.

    The prose parameters of a tag stay as paragraphs: the included template would have shown them.
    """
    values = {f"page.{key}": value for key, value in page.items()}
    text = _without_comments(text)
    values.update((name, double or single) for name, double, single in _ASSIGN.findall(text))
    text = _TAG.sub(_tag_text, text)
    text = _OUTPUT.sub(lambda match: values.get(match.group(1) or "", ""), text)
    return _ATTRIBUTES.sub("", text)


def _without_comments(text: str) -> str:
    """Return the text outside of comments; one that nothing ends is no comment."""
    kept: list[str] = []
    position, opened = 0, -1
    for match in _COMMENT.finditer(text):
        if match.group(1) and opened >= 0:
            kept.append(text[position:opened])
            position, opened = match.end(), -1
        elif not match.group(1) and opened < 0:
            opened = match.start()
    return "".join((*kept, text[position:]))


def _tag_text(match: re.Match[str]) -> str:
    if match.group("name") != "include":
        return match.group("indent")
    values = [double or single for double, single in _PARAMETER.findall(match.group("body"))]
    indent = match.group("indent")
    prose = [" ".join(value.split()) for value in values if len(value.split()) >= _PROSE_WORDS]
    return indent + "".join(f"\n\n{indent}{value}" for value in prose) + ("\n\n" if prose else "")


def remove_boxes(text: str) -> str:
    """Return text with the lines that open and close ``:::`` boxes replaced by the box's title."""
    return _BOX.sub(r"\n\1\n", text)
