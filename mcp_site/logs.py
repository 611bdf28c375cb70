"""Logs: readable lines or JSON on standard error, with secrets removed before anything is written."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"
_SECRET_KEY = re.compile(
    r"passw(or)?d|passphrase|secret|token|authorization|api_?key|cookie|macaroon|credential|private_?key",
    re.I,
)
_SECRET_TEXT = (
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.I), rf"\1 {HIDDEN}"),
    (re.compile(r"\bsk-[\w-]{8,}"), HIDDEN),
    (re.compile(r"\bmcp_[\w-]{16,}"), HIDDEN),
    (re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"), HIDDEN),
    (
        re.compile(r"((?:passw(?:or)?d|secret|token|api_?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+", re.I),
        rf"\1{HIDDEN}",
    ),
)
# Counters and flags such as ``tokens=12`` are no secrets; only text is hidden by its key.
_HARMLESS = (bool, int, float, type(None))


def redact_text(text: str) -> str:
    """Return the text with bearer tokens, keys and passwords in URLs replaced."""
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redact(value: Any, key: str = "") -> Any:
    """Return the value, at any depth of dicts and lists, without secrets."""
    if isinstance(value, _HARMLESS):
        return value
    if key and _SECRET_KEY.search(key):
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {name: redact(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    return redact_text(str(value))


def redaction(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Return the log event without secrets; runs after tracebacks have become text."""
    return {key: value if key.startswith("_") else redact(value, key) for key, value in event.items()}


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _final(log_format: str) -> list[Processor]:
    plain = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        dumps: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
        return [plain, structlog.processors.format_exc_info, redaction, dumps]
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return [plain, structlog.processors.format_exc_info, redaction, console]


def formatter(log_format: str) -> logging.Formatter:
    """Return the formatter of every log line, ours and those of libraries."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_shared(), structlog.stdlib.ExtraAdder(allow=())],
        processors=_final(log_format),
    )


def configure(config: Mapping[str, str]) -> None:
    """Set up logging from ``{"format": "text" | "json", "level": NAME}``; Django calls it at start."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(config["format"]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config["level"])
    _quieten(debug=config["level"] == "DEBUG")


def _quieten(*, debug: bool) -> None:
    """Keep libraries from repeating our own request line, and from logging URLs and bodies."""
    for name in ("django", "django.server", "daphne"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
    quiet = (
        "daphne",
        "twisted",
        "httpx",
        "httpcore",
        "openai",
        "asyncio",
        "pymongo",
        "urllib3",
        "django.template",
    )
    for name in quiet:
        logging.getLogger(name).setLevel(logging.INFO if debug else logging.WARNING)
    # Every status is on the request line already; what is left are tracebacks of pages.
    logging.getLogger("django.request").filters = [_has_traceback]
    logging.getLogger("mcp.cache").filters = [CacheTrouble()]


class CacheTrouble(logging.Filter):
    """One line a minute while Redis is away, instead of a traceback for every use of the cache."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._quiet_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written; it loses its traceback and keeps the kind of error."""
        if self._clock() < self._quiet_until:
            return False
        self._quiet_until = self._clock() + 60
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "unknown"
        record.msg, record.args, record.exc_info = f"cache_unavailable: {kind}", (), None
        return True


def _has_traceback(record: logging.LogRecord) -> bool:
    return bool(record.exc_info)
