from __future__ import annotations

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_site import logs

SECRETS = [
    "Authorization: Bearer abcdef123456",
    "key sk-proj-abcdefgh12345678",
    "token mcp_AbCdEfGhIjKlMnOpQrStUvWx",
    "mongodb://user:abcdef123456@host/db",
    'body {"password": "abcdef123456"}',
    "GET /x?api_key=abcdef123456&page=2",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_in_a_text_is_hidden(text: str) -> None:
    shown = logs.redact_text(text)

    assert logs.HIDDEN in shown
    for secret in ("abcdef123456", "abcdefgh12345678", "AbCdEfGhIjKlMnOp"):
        assert secret not in shown


@pytest.mark.parametrize(
    "key", ["password", "api_key", "OPENAI_API_KEY", "Authorization", "set-cookie", "macaroon"]
)
def test_a_text_under_a_secret_name_is_hidden_at_any_depth(key: str) -> None:
    shown = logs.redact({"request": [{key: "opensesame"}]})

    assert "opensesame" not in json.dumps(shown)


def test_counts_of_tokens_are_shown() -> None:
    assert logs.redact({"prompt_tokens": 12, "path": "/documents"}) == {
        "prompt_tokens": 12,
        "path": "/documents",
    }


@given(st.text(max_size=200))
def test_hiding_twice_changes_nothing_more(text: str) -> None:
    once = logs.redact_text(text)

    assert logs.redact_text(once) == once


def _line(log_format: str, message: str, *, exc_info: bool = False) -> str:
    record = logging.LogRecord(
        "library", logging.WARNING, __file__, 1, message, (), sys.exc_info() if exc_info else None
    )
    return logs.formatter(log_format).format(record)


def test_a_library_line_becomes_json_without_its_secrets() -> None:
    line = json.loads(_line("json", "calling with Bearer abcdef123456"))

    assert line["event"] == f"calling with Bearer {logs.HIDDEN}"
    assert (line["level"], line["logger"]) == ("warning", "library")


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_secret_in_a_traceback_is_hidden(log_format: str) -> None:
    try:
        raise ValueError("refused: Bearer abcdef123456")
    except ValueError:
        line = _line(log_format, "call_failed", exc_info=True)

    assert "ValueError" in line
    assert "abcdef123456" not in line


def test_a_redis_that_is_away_is_one_line_a_minute_without_a_traceback() -> None:
    now = [0.0]
    trouble = logs.CacheTrouble(clock=lambda: now[0])
    lines = []
    for now[0] in (0.0, 1.0, 59.0, 60.0):
        error = (ConnectionError, ConnectionError("redis://user:password@host"), None)
        record = logging.LogRecord("mcp.cache", logging.ERROR, __file__, 1, "ignored", (), error)
        if trouble.filter(record):
            lines.append(logs.formatter("text").format(record))

    assert len(lines) == 2
    assert "cache_unavailable: ConnectionError" in lines[0]
    assert "password" not in lines[0]
