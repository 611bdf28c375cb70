"""Small pieces of pages: icons, times, document text with its marked words, links that keep their place."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import template
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from rag.exchanges import Exchange, Found, Source
from rag.reader_layout import Piece

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return a decorative icon of the sprite; the words beside it carry the meaning."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def ago(moment: datetime) -> SafeString:
    """Return how long ago a moment was, with the absolute time and its zone in the title."""
    seconds = (timezone.now() - moment).total_seconds()
    words = _("just now") if seconds < 60 else _("%(time)s ago") % {"time": timesince(moment, depth=1)}
    return _time(moment, words)


@register.simple_tag
def on_day(moment: datetime) -> SafeString:
    """Return the day of a moment, with the absolute time and its zone in the title."""
    return _time(moment, date_format(timezone.localtime(moment), "DATE_FORMAT"))


def _time(moment: datetime, words: str) -> SafeString:
    exact = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{} {}">{}</time>',
        exact.isoformat(timespec="seconds"),
        date_format(exact, "DATETIME_FORMAT"),
        exact.tzname(),
        words,
    )


@register.simple_tag
def document_text(pieces: Iterable[Piece]) -> SafeString:
    """Return escaped document text with the quotation marked; its first piece is the target ``#quote``."""
    return format_html_join(
        "",
        "{}{}{}",
        ((_opening(piece), piece.text, SafeString("</mark>") if piece.marked else "") for piece in pieces),
    )


def _opening(piece: Piece) -> str:
    if not piece.marked:
        return ""
    return SafeString('<mark id="quote" tabindex="-1">' if piece.first else "<mark>")


@register.simple_tag
def citation_link(exchange: Exchange, n: int) -> SafeString:
    """Return the number of a citation as a link to the quoted words; only the number where they are gone."""
    source = next((each for each in exchange.sources if each.n == n), None)
    if source is None or not source.available:
        return format_html('<span class="cite">{}</span>', n)
    return format_html(
        '<a class="cite" href="{}" aria-label="{}" data-source="s{}-{}">{}</a>',
        quote_address(exchange, source),
        _("Source %(n)s: %(title)s") % {"n": n, "title": source.title},
        n,
        exchange.id,
        n,
    )


@register.simple_tag
def quote_address(exchange: Exchange, place: Source | Found) -> str:
    """Return the address of the reader at a place, which knows the way back to the answer."""
    query = urlencode({"start": place.start, "end": place.end, "from": exchange.id})
    return f"{reverse('document', args=[place.document])}?{query}#quote"


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: Any) -> str:
    """Return the page's query string with some parameters changed; an empty value removes one."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value in ("", None):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.filter
def percent(value: float) -> str:
    """Return a share in [0, 1] as whole percent, without the sign; nothing that is measured is certain."""
    return str(min(round(float(value or 0) * 100), 99))
