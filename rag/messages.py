"""Why something failed, in the reader's language: codes of the pure modules become sentences here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from rag.embedders.openai import EMBEDDING_ERRORS
from rag.generators.base import GENERATION_ERRORS
from rag.ingest.errors import PARSE_ERRORS
from resilience.http import OUTBOUND_ERRORS

INGEST_ERRORS: dict[str, str] = {
    **PARSE_ERRORS,
    "attempts": gettext_noop("Reading it was broken off %(attempts)s times because the worker ended."),
    "missing_file": gettext_noop("The stored file is gone from the data folder. Upload it again."),
    "embedding": gettext_noop("Its vectors could not be computed: %(reason)s It is found by its words only."),
    "no_embedder": gettext_noop(
        "The model that the library was indexed with cannot run here. Run manage.py reindex."
    ),
    "internal": gettext_noop("MCP failed while reading it (%(error)s). The log has the details."),
}


def explain(code: str, params: Mapping[str, Any]) -> str:
    """Return why a document was not taken in, as a sentence in the active language."""
    if code == "embedding" and "code" in params:
        reason = _sentence(EMBEDDING_ERRORS, str(params["code"]), params)
        return _sentence(INGEST_ERRORS, code, {"reason": reason})
    return _sentence(INGEST_ERRORS, code, params)


def explain_outbound(code: str, params: Mapping[str, Any]) -> str:
    """Return why a call to the outside failed."""
    return _sentence(OUTBOUND_ERRORS, code, params)


def explain_generation(code: str, params: Mapping[str, Any]) -> str:
    """Return why no answer was written."""
    return _sentence(GENERATION_ERRORS, code, params)


def _sentence(table: Mapping[str, str], code: str, params: Mapping[str, Any]) -> str:
    if code not in table:
        return code
    try:
        return _(table[code]) % params
    except (KeyError, TypeError, ValueError):
        return _(table[code])
