"""The messages for a model: rules, passages marked as data, and the question.

Nothing that a document or a user wrote can leave its place. Values are put into the templates in one pass and
never scanned again, passages stand between marks drawn at random for each request, and the control words of
chat templates are broken up.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from rag.generators.base import GenerationRequest
from rag.values import Passage

PROMPTS_FOLDER = Path(__file__).resolve().parent.parent / "prompts"
VERSION = "v1"
NO_ANSWER = "NO_ANSWER"
"""What a model replies when the passages do not answer the question."""

_LANGUAGES = ("fr", "en")
_MAX_HISTORY = 3
_MAX_QUESTION = 2000
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
# Servers that run a model themselves may read these words in a message as the end of that message.
_CONTROL_WORD = re.compile(
    r"<(?=\|)|(?<=\|)>|<(?=｜)|(?<=｜)>|\[(?=/?INST\])|<(?=</?SYS>)"
    r"|<(?=/?s>)|<(?=(?:start|end)_of_turn>)|<(?=[be]os>)|<(?=/?think>)",
    re.IGNORECASE,
)
_REFUSAL = re.compile(rf"\W*{NO_ANSWER}\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user"]
    content: str


def build_messages(request: GenerationRequest, *, boundary: str | None = None) -> tuple[Message, ...]:
    """Return the chat that asks for an answer. ``boundary`` fixes the random mark, for tests."""
    language = request.language if request.language in _LANGUAGES else "en"
    mark = boundary or _unused_mark(request)
    values = {
        "boundary": mark,
        "passages": "\n\n".join(_passages(request.passages, mark, language)),
        "history": _history(request.history),
        "question": harmless(request.question.strip()[:_MAX_QUESTION]),
        "count": str(len(request.passages)),
    }
    question = (
        _render("query_prompt", language, values) + "\n\n" + _render("response_prompt", language, values)
    )
    return Message("system", _render("system_prompt", language, values)), Message("user", question)


def prompts_hash() -> str:
    """Return a digest of all prompts and of how they are filled in, for the cache key of an answer."""
    return _digest(str(PROMPTS_FOLDER))


def is_refusal(text: str) -> bool:
    """Return whether a model's reply says that the passages do not answer."""
    return _REFUSAL.match(text) is not None


def may_become_refusal(text: str) -> bool:
    """Return whether the beginning of a reply can still turn out to be a refusal."""
    letters = re.sub(r"^\W+", "", text).upper()
    return NO_ANSWER.startswith(letters) or is_refusal(text)


def harmless(text: str) -> str:
    """Return the text with the control words of chat templates broken up by a space; nothing else changes."""
    return _CONTROL_WORD.sub(_spaced, text)


def load_prompt(name: str, language: str) -> str:
    """Return the text of ``<name>.<version>.<language>.txt``, without its last line end."""
    return _read(PROMPTS_FOLDER / f"{name}.{VERSION}.{language}.txt")


@lru_cache(maxsize=32)
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").rstrip("\n")


@lru_cache(maxsize=4)
def _digest(folder: str) -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(folder).glob(f"*.{VERSION}.*.txt")):
        digest.update(f"{path.name}\0{_read(path)}\0".encode())
    digest.update(f"{_MAX_HISTORY} {_MAX_QUESTION}".encode())
    return digest.hexdigest()[:16]


def _render(name: str, language: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], load_prompt(name, language))


def _passages(passages: Sequence[Passage], mark: str, language: str) -> list[str]:
    word, end = ("extrait", "fin") if language == "fr" else ("passage", "end")
    rendered = []
    for n, passage in enumerate(passages, start=1):
        text = harmless(f"{_heading(passage)}\n{passage.text}")
        rendered.append(f"<{mark} {word} {n}>\n{text}\n<{mark} {end} {n}>")
    return rendered


def _heading(passage: Passage) -> str:
    """Return title and section in one line; they come from the document and are data like its text."""
    return " ".join(" › ".join(part for part in (passage.title, passage.heading) if part).split())


def _history(questions: Sequence[str]) -> str:
    lines = [" ".join(harmless(question).split())[:_MAX_QUESTION] for question in questions[-_MAX_HISTORY:]]
    return "\n".join(f"- {line}" for line in lines) or "-"


def _unused_mark(request: GenerationRequest) -> str:
    texts = [request.question, *request.history, *(part.text for part in request.passages)]
    while True:
        mark = secrets.token_hex(12)
        if not any(mark in text for text in texts):
            return mark


def _spaced(match: re.Match[str]) -> str:
    return f" {match[0]}" if match[0] == ">" else f"{match[0]} "
