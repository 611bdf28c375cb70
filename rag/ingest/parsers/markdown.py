"""Markdown: CommonMark with tables, rendered to HTML and read as such, so that raw HTML inside just works."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from rag.ingest.parsers.base import DocumentBuilder, ParseLimits, clean, one_line, title_from_name
from rag.ingest.parsers.decoding import decode
from rag.ingest.parsers.front_matter import FrontMatter, split_front_matter
from rag.ingest.parsers.html import add_pieces, collect, without_contents
from rag.ingest.parsers.html_blocks import BlockCollector, Piece
from rag.ingest.parsers.html_tags import KNOWN
from rag.ingest.parsers.templating import outside_fences, remove_boxes, resolve_liquid
from rag.values import BlockKind, ParsedDocument

_TITLE_KEYS = ("title", "name")
_SUMMARY_KEYS = ("excerpt", "description", "summary", "abstract", "goal", "objectives")
_TAG_NAME = re.compile(r"<(/?)([A-Za-z][\w:.-]*)")
_FOOTNOTE_MARK = re.compile(r"\[\^[^\]\s]+\](?!:)")
_CONTENTS_MARK = re.compile(r"^[ \t]*(?:\[\[_?toc_?\]\]|\[toc\]|\$\{toc\})[ \t]*$", re.I | re.M)
_FOOTNOTE = re.compile(r"^\[\^[^\]\s]+\]:[ \t]*", re.M)
_GENERIC = re.compile(
    r"overview|introduction|readme|getting started|table of contents|contents|home|guide|aperçu|présentation|"
    r"release notes|sommaire",
    re.I,
)
_TITLE_WITHIN = 3
"""A heading among the first few blocks names the document."""


def parse_markdown(
    data: bytes, *, filename: str, media_type: str | None, limits: ParseLimits
) -> ParsedDocument:
    """Return the document; the title comes from its head, first heading or file name. Raises ParseError."""
    text = clean(decode(data, media_type=media_type))
    head, body = split_front_matter(text)
    pieces = without_contents(collect(BlockCollector(), _render(_prepared(body, head))))
    builder = DocumentBuilder(limits)
    for kind, summary in _summaries(head, body, pieces):
        builder.add(kind, summary)
    add_pieces(builder, pieces)
    return builder.build(title=_head_title(head) or _heading_title(pieces, filename), filename=filename)


def _prepared(body: str, head: FrontMatter) -> str:
    """Return Markdown without what site generators add; only files with a head are Liquid templates."""
    page = {key: values[0] for key, values in head.items() if values}

    def change(stretch: str) -> str:
        stretch = _CONTENTS_MARK.sub("", remove_boxes(stretch))
        stretch = resolve_liquid(stretch, page) if head else stretch
        return _FOOTNOTE_MARK.sub("", _FOOTNOTE.sub("\n", stretch)) if "[^" in stretch else stretch

    return outside_fences(body, change)


def _render(markdown: str) -> str:
    parser = _parser()
    env: dict[str, object] = {}
    tokens = parser.parse(markdown, env)
    for token in _flat(tokens):
        if token.type in ("html_block", "html_inline"):
            token.content = _TAG_NAME.sub(_escape_unknown, token.content)
    return str(parser.renderer.render(tokens, parser.options, env))


def _flat(tokens: Iterable[Token]) -> Iterable[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def _escape_unknown(match: re.Match[str]) -> str:
    """Keep ``<pubkey>`` and other placeholders that are no HTML as text."""
    return match.group() if match.group(2).lower() in KNOWN else "&lt;" + match.group()[1:]


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"alerts": True, "tasklists": True}).enable(["table", "strikethrough"])
    parser.inline.ruler.after("link", "unresolved_link", _unresolved_link)
    return parser


def _unresolved_link(state: StateInline, silent: bool) -> bool:
    """Read ``[text][label]`` as its text where the label is defined in another file of the site."""
    start = state.pos
    if state.src[start] != "[" or (
        start and (state.src[start - 1].isalnum() or state.src[start - 1] in "_]!")
    ):
        return False
    end = state.md.helpers.parseLinkLabel(state, start, disableNested=True)
    if end < 0 or end + 1 >= state.posMax or state.src[end + 1] != "[":
        return False
    closing = state.src.find("]", end + 2, state.posMax)
    if closing < 0 or "[" in state.src[end + 2 : closing]:
        return False
    if not silent:
        limit, state.pos, state.posMax = state.posMax, start + 1, end
        state.md.inline.tokenize(state)
        state.posMax = limit
    state.pos = closing + 1
    return True


def _head_title(head: FrontMatter) -> str:
    return next((one_line(values[0]) for key in _TITLE_KEYS if (values := head.get(key))), "")


def _heading_title(pieces: list[Piece], filename: str) -> str:
    opening = [p for p in pieces[:_TITLE_WITHIN] if p.kind is BlockKind.HEADING and p.level <= 2]
    title = one_line(opening[0].text) if opening else ""
    return title if title and not _GENERIC.fullmatch(title) else title_from_name(filename)


def _summaries(head: FrontMatter, body: str, pieces: list[Piece]) -> Iterable[tuple[BlockKind, str]]:
    """Yield what the head says about the document, as sites show it, unless the text says it too."""
    shown = " ".join(one_line(piece.text) for piece in pieces[:5])
    for key in _SUMMARY_KEYS:
        values = head.get(key, [])
        kind = BlockKind.LIST_ITEM if len(values) > 1 else BlockKind.PARAGRAPH
        for value in values:
            for piece in collect(BlockCollector(), _render(value)):
                text = one_line(piece.text)
                if len(text.split()) > 3 and text not in shown and f"page.{key}" not in body:
                    yield kind, text
