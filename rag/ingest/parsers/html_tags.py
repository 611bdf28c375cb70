"""What HTML elements mean for reading: blocks, hidden parts, page furniture. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping


def _words(joined: str) -> frozenset[str]:
    return frozenset(joined.split())


VOID = _words("area base br col embed hr img input link meta param source track wbr basefont frame keygen")
BLOCK = _words("""
    address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 head header hgroup html legend li main menu nav ol p pre search
    section summary table tbody td tfoot th thead title tr ul
""")
INLINE = _words("""
    a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark output q rp rt ruby s
    samp small span strike strong sub sup time tt u var wbr math
""")
_DROPPED = _words("""
    script style noscript template svg iframe object canvas audio video map select button textarea datalist
    frameset applet
""")
KNOWN = VOID | BLOCK | INLINE | _DROPPED | _words("picture progress meter nobr g path rect circle")
LISTS = frozenset(("ul", "ol", "menu", "dir"))
HEADINGS = {f"h{level}": level for level in range(1, 7)}
IMPLIED_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset(("li",)), LISTS),
    "tr": (frozenset(("tr", "td", "th")), frozenset(("table",))),
    "td": (frozenset(("td", "th")), frozenset(("tr", "table"))),
    "th": (frozenset(("td", "th")), frozenset(("tr", "table"))),
    "dt": (frozenset(("dt", "dd")), frozenset(("dl",))),
    "dd": (frozenset(("dt", "dd")), frozenset(("dl",))),
}
"""Opening tag -> the open elements that it ends, and those that shield them (HTML 13.1.2.4)."""

_FURNITURE = frozenset(("nav", "footer", "aside", "dialog"))
_FURNITURE_ROLES = _words(
    "navigation banner contentinfo search complementary menu menubar dialog alertdialog"
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.I)
_HIDDEN_CLASSES = frozenset(("markdown-alert-title", "headerlink", "anchor", "permalink", "sr-only"))


def is_hidden(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """Return whether a reader of the page does not see the element: what people cannot see is not indexed."""
    if tag in _DROPPED or "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if _HIDDEN_STYLE.search(attributes.get("style") or ""):
        return True
    return not _HIDDEN_CLASSES.isdisjoint((attributes.get("class") or "").split())


def zone_of(tag: str, attributes: Mapping[str, str | None], outer: str) -> str:
    """Return "furniture", "main", "article" or "": the part of the page that an element opens or stays in."""
    role = (attributes.get("role") or "").lower()
    if outer == "furniture" or tag in _FURNITURE or role in _FURNITURE_ROLES:
        return "furniture"
    if tag == "header" and not outer:
        return "furniture"
    if outer == "main" or tag == "main" or role == "main":
        return "main"
    return "article" if outer or tag == "article" or role == "article" else ""
