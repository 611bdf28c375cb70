"""Sentence boundaries in French and English text, by rule. Pure.

A text is cut into *units* first (a paragraph, a list item, a heading, a table row, a line of code), then
prose units into sentences. A line break inside a hard-wrapped paragraph (a PDF, a text file) is no boundary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"\s*(```|~~~)")
_LIST_MARK = re.compile(r"\s*(?:[-*+•◦▪‣–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+(?=\S)")
_HEADING = re.compile(r"\s*#{1,6}\s")
_TABLE_ROW = re.compile(r"\s*\|.*\|\s*$|.*\S \| \S")
_INDENTED = re.compile(r"(?: {4}|\t)\s*\S")
_PROMPT = re.compile(r"\s*(?:[$>]|[\w.-]+@[\w.-]+[:~\w/.-]*[$#])\s+\S")
_PROGRAM = (
    r"lncli|lightning-cli|bitcoin-cli|loop|pool|tapcli|litcli|bos|docker(?:-compose)?|systemctl|journalctl|"
    r"apt(?:-get)?|pip3?|git|curl|wget|make|cd|mkdir|chmod|chown|cp|mv|rsync|ssh|scp|openssl|tar|lnd|lightningd|bitcoind"
)
_VERB = r"[a-z]+[-_a-z]*(?:\s+-{1,2}\w|\s*$|\s+#\s|\s+[\"'{\[<]|\s+\S*[=/:@]\S*)"
_COMMAND = re.compile(rf"\s*(?:sudo\s+\w|(?:{_PROGRAM})\s+(?:-{{1,2}}\w|{_VERB}|\S*[/~]\S*))")
_ASSIGNMENT = re.compile(r"\s*[\w.-]+\s?=\s?\S*\s*$")
_SECTION = re.compile(r"\s*\[[\w .-]+\]\s*$")
_STRUCTURE = re.compile(r"\s*[{}\[\]][,;{}\[\]]*\s*$|\s*\"[\w.-]+\"\s*:\s")

_END = re.compile(r"[.!?…]+[\"'»”’)\]]*(?:[ \u00a0\u202f]+»)?(?=\s)")
_OPENERS = "\"'«“‘([¿¡"


def _words(joined: str) -> frozenset[str]:
    return frozenset(joined.split())


_ABBREVIATIONS = _words("""
    adj al alt approx apr art asst aug bldg cf ch chap co col corp dec dept doc dr e.g éd ed env eq équiv
    esp etc eg ex excl feb fig figs ibid i.e ie incl inc jan janv jr jul jun lt ltd max mgr min mlle mme
    mmes mr mrs ms mt n.b nb nov no nos nº num oct p pp p.ex par parag paragr pl pr prof réf ref rev resp
    sec sect sén sept sq sr st ste suiv suppl tel tél trad univ v vers viz vol vs c.-à-d c-à-d càd av.j.-c
    j.-c u.s u.k u.e a.m p.m
""")
_WORTH_ENDING = _words("etc inc ltd co corp jr sr al a.m p.m u.s u.k u.e j.-c")
"""Abbreviations that do end a sentence when a capital follows."""
_NUMBERED = _words("p pp no nos n fig figs art ch chap vol sec sect eq v vers min max approx env ca")
"""Abbreviations that a number follows."""
_LOWERCASE_NAMES = _words("""
    lnd lncli lightningd lightning-cli bitcoind bitcoin-cli btcd eclair ldk lnbits loopd rtl libsecp256k1
""")
_LAST_WORD = re.compile(r"[^\s(«“\"\['’]*$")
_NAME_LINKS = frozenset({"and", "et", "by", "par", "with", "avec", "de", "from", "&", "to", "à"})
_SOFT_WRAP_MIN = 40
"""A line at least this long that stops without punctuation was wrapped, not ended."""


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans of the sentences, stripped, in order and non-overlapping.

    List items, headings, table rows and lines of code are units of their own; a unit of prose may hold
    several sentences. Nothing but white space and code fence lines is left out.
    """
    spans: list[tuple[int, int]] = []
    for start, end, prose in _units(text):
        spans.extend(_sentences(text, start, end) if prose else _strip(text, start, end))
    return spans


def is_code_line(line: str) -> bool:
    """Return whether a line reads as a shell command, a configuration setting or a bare bracket."""
    return any(p.match(line) for p in (_PROMPT, _COMMAND, _ASSIGNMENT, _SECTION, _STRUCTURE))


def is_list_item(line: str) -> bool:
    """Return whether a line opens with a bullet or an ordinal."""
    return _LIST_MARK.match(line) is not None


def strip_marker(line: str) -> str:
    """Return the line without its bullet, ordinal or heading marks."""
    mark = _LIST_MARK.match(line) or _HEADING.match(line)
    return line[mark.end() :].strip() if mark else line.strip()


def _units(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, is prose) of the paragraphs, items and single lines of a text."""
    open_start = open_end = -1
    fenced = False
    for start, end in _lines(text):
        line = text[start:end]
        fence = _FENCE.match(line) is not None
        alone = fenced or _stands_alone(line, after_prose=open_start >= 0)
        joins = open_start >= 0 and not (fence or alone) and _continues(text[open_start:open_end], line)
        if open_start >= 0 and not joins:
            yield open_start, open_end, True
            open_start = -1
        if fence:
            fenced = not fenced
        elif alone:
            yield start, end, False
        elif line.strip():
            open_start, open_end = (open_start if joins else start), end
    if open_start >= 0:
        yield open_start, open_end, True


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the lines; a backslash at the end of one joins the next, as in a shell."""
    start = begin = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        start = end + 1
        if not text[begin:end].endswith(" \\"):
            yield begin, end
            begin = start
    if begin < len(text):
        yield begin, len(text)


def _stands_alone(line: str, *, after_prose: bool) -> bool:
    if _HEADING.match(line) or _TABLE_ROW.match(line):
        return True
    if _LIST_MARK.match(line) and not _PROMPT.match(line):
        return False
    return is_code_line(line) or (bool(_INDENTED.match(line)) and not after_prose)


def _continues(unit: str, line: str) -> bool:
    """Return whether a line goes on with the paragraph or item above it."""
    if not line.strip() or _LIST_MARK.match(line):
        return False
    last = unit.rsplit("\n", 1)[-1].strip()
    first = line.lstrip()[0]
    if first.islower():
        return last[-1] not in ".!?…:;" or len(last) >= _SOFT_WRAP_MIN
    return len(last) >= _SOFT_WRAP_MIN and (last[-1] not in ":;" or first in _OPENERS)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    mark = _LIST_MARK.match(text, start, end)
    searched = mark.end() if mark else start
    begin = start
    for match in _END.finditer(text, searched, end):
        if _is_boundary(text, searched, match, end):
            yield from _strip(text, begin, match.end())
            begin = match.end()
    yield from _strip(text, begin, end)


def _is_boundary(text: str, start: int, match: re.Match[str], end: int) -> bool:
    following = text[match.end() : end].lstrip()
    if not following:
        return False
    if not _can_open(following):
        return False
    closed = match.group().rstrip()
    if closed[0] != "." or len(closed) > 1 and closed[1] == ".":
        return True
    return not _abbreviates(text[start : match.start()], following)


def _can_open(following: str) -> bool:
    head = following.lstrip(_OPENERS + " \u00a0\u202f")
    if not head:
        return False
    word = re.match(r"[\w-]*", head)
    name = word.group() if word else ""
    return head[0].isupper() or not head[0].isalpha() or name in _LOWERCASE_NAMES or "_" in name


def _abbreviates(before: str, following: str) -> bool:
    """Return whether the dot after ``before`` belongs to its last word rather than to the sentence."""
    found = _LAST_WORD.search(before)
    word = found.group() if found else ""
    if word.lower() in _NUMBERED and following[0].isdigit():
        return True
    if word.lower() in _WORTH_ENDING:
        return False
    if word in {"M", "MM"}:
        return True
    if len(word) == 1 and word.isupper():
        return _is_initial(before[:-1], following)
    return word.lower() in _ABBREVIATIONS and word.lower() not in _NUMBERED


def _is_initial(before: str, following: str) -> bool:
    """Return whether a capital and its dot are part of a person's name: "J. Smith", not "plan B. Then"."""
    previous = before.split()[-1:] or [""]
    named = (
        not previous[0]
        or previous[0][:1].isupper()
        or previous[0][-1] in ".!?:,("
        or previous[0] in _NAME_LINKS
    )
    return named and following[0].isupper()


def _strip(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if left < right:
        yield left, right
