"""Vectors computed by any server that speaks the OpenAI protocol."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.generators.base import GENERATION_ERRORS
from rag.openai_service import DEFAULT_BASE_URL, Connections, Service, explain_failure
from rag.values import Matrix, Vector
from resilience.texts import gettext_noop
from resilience.transport import Resolver, system_resolver

# The keys are the codes, the values English message ids; the Django side passes them through gettext.
EMBEDDING_ERRORS: dict[str, str] = {
    **{code: GENERATION_ERRORS[code] for code in ("unreachable", "unauthorized", "quota", "rate_limited")},
    **{code: GENERATION_ERRORS[code] for code in ("rejected", "server", "protocol")},
    "timeout": gettext_noop("The model at %(host)s did not embed the texts within %(seconds)s seconds."),
    "unknown_model": gettext_noop("%(host)s does not know the model %(model)s (OPENAI_EMBEDDING_MODEL)."),
    "context": gettext_noop("A passage is too long for the model %(model)s."),
    "dimension": gettext_noop(
        "The model %(model)s gave vectors of %(found)s numbers where %(expected)s were expected."
    ),
}

_KNOWN_MAX_TOKENS = (("text-embedding-", 8191), ("bge-m3", 8192), ("nomic-embed", 2048))
_DEFAULT_MAX_TOKENS = 512
_PREFIXES = (
    (re.compile(r"(?:^|[-_/])e5(?:[-_:]|$)"), "query: ", "passage: "),
    (re.compile(r"nomic-embed"), "search_query: ", "search_document: "),
)
"""Models that were trained with a word for what they are given, and rank worse without it."""
_BLANK = "."
"""Stands in for an empty text, which servers reject."""
_PIECE = re.compile(r"[^\W\d_]{1,64}|\d{1,32}|[^\w\s]|_")


class EmbeddingError(Exception):
    """Why no vectors came: a code of ``EMBEDDING_ERRORS`` and the values of its message."""

    def __init__(self, code: str, params: Mapping[str, str | int | float]) -> None:
        super().__init__(code, dict(params))
        self.code = code
        self.params = dict(params)

    def __str__(self) -> str:
        return EMBEDDING_ERRORS[self.code] % self.params


@dataclass(frozen=True, slots=True)
class Batching:
    """How much one request carries."""

    texts: int = 32
    tokens: int = 24_000


class OpenAIEmbedder:
    """Embeds with one model. Safe to call from many threads; each call uses a connection of its own.

    ``dimension`` asks the server to shorten its vectors, which only some models can. ``timeout`` (seconds) is for
    one request. Errors are EmbeddingError; nothing is tried twice.
    """

    def __init__(
        self,
        *,
        api_key: str,
        model: str,
        base_url: str | None = None,
        timeout: float = 60.0,
        dimension: int | None = None,
        max_tokens: int | None = None,
        batching: Batching | None = None,
        resolve: Resolver = system_resolver,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        service = Service(api_key, base_url or DEFAULT_BASE_URL, resolve, ssl_context)
        self._connections = Connections(service)
        self._model = model
        self._timeout = timeout
        self._asked_dimension = dimension
        self._dimension = dimension
        self._max_tokens = max_tokens or _max_tokens(model)
        self._batching = batching or Batching()
        self._query_prefix, self._passage_prefix = _prefixes(model)

    @property
    def model_id(self) -> str:
        """Return the name of the vector space."""
        shortened = f"@{self._asked_dimension}" if self._asked_dimension else ""
        return f"openai:{self._model}{shortened}"

    @property
    def dimension(self) -> int:
        """Return the length of a vector; asks the server the first time. Raises EmbeddingError."""
        if self._dimension is None:
            self.embed_query("dimension")
        assert self._dimension is not None  # noqa: S101 - set by the call above, or it raised
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Return how many tokens of text one request per passage covers."""
        return self._max_tokens

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Return a row for each text, in order. One longer than ``max_tokens`` is the mean of its parts."""
        parts = [_split(text, self._max_tokens) for text in texts]
        rows = self._embed([self._passage_prefix + part for split in parts for part in split])
        if all(len(split) == 1 for split in parts):
            return rows
        ends = np.cumsum([len(split) for split in parts])
        means = [
            _mean(rows[end - len(split) : end], split)
            for split, end in zip(parts, ends.tolist(), strict=True)
        ]
        return np.stack(means)

    def embed_query(self, text: str) -> Vector:
        """Return the vector of a question; what exceeds ``max_tokens`` is left out."""
        vector: Vector = self._embed([self._query_prefix + _split(text, self._max_tokens)[0]])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """Return an estimate of the text's tokens that errs on the high side; no vocabulary is downloaded."""
        return sum(_piece_tokens(piece) for piece in _PIECE.findall(text))

    def _embed(self, texts: Sequence[str]) -> Matrix:
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.concatenate([self._request(batch) for batch in self._batches(texts)])

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        tokens = 0
        for text in texts:
            count = self.count_tokens(text)
            if batch and (len(batch) == self._batching.texts or tokens + count > self._batching.tokens):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += count
        yield batch

    def _request(self, texts: list[str]) -> Matrix:
        options: dict[str, Any] = {"dimensions": self._asked_dimension} if self._asked_dimension else {}
        try:
            with self._connections.lease(self._timeout) as lease:
                # Read raw: the library would build an object of every single number.
                response = lease.client.embeddings.with_raw_response.create(
                    model=self._model, input=texts, encoding_format="float", **options
                )
                return self._checked(_matrix(json.loads(response.content), len(texts)))
        except EmbeddingError:
            raise
        except Exception as error:
            raise self._error(error) from None

    def _checked(self, rows: NDArray[np.float64]) -> Matrix:
        expected = self._dimension or rows.shape[1]
        if rows.shape[1] != expected:
            raise EmbeddingError(
                "dimension", {"model": self._model, "found": rows.shape[1], "expected": expected}
            )
        with np.errstate(over="ignore"):
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise ValueError("a vector without direction")
        self._dimension = expected
        unit: Matrix = (rows / lengths).astype(np.float32)
        return unit

    def _error(self, error: Exception) -> EmbeddingError:
        # The text of the original error is left behind: it may repeat the key or the documents.
        failure = explain_failure(error)
        code = failure.code if failure.code in EMBEDDING_ERRORS else "unreachable"
        params: dict[str, str | int | float] = {"host": self._connections.host, "model": self._model}
        params |= {"status": failure.status} if failure.status else {}
        params |= {"seconds": f"{self._timeout:g}"} if code == "timeout" else {}
        params |= {} if failure.retry_after is None else {"retry_after": failure.retry_after}
        return EmbeddingError(code, params)


def _max_tokens(model: str) -> int:
    return next((limit for part, limit in _KNOWN_MAX_TOKENS if part in model.lower()), _DEFAULT_MAX_TOKENS)


def _prefixes(model: str) -> tuple[str, str]:
    """Return what a model wants before a question and before a passage."""
    name = model.lower()
    return next(((query, passage) for pattern, query, passage in _PREFIXES if pattern.search(name)), ("", ""))


def _matrix(answer: Any, count: int) -> NDArray[np.float64]:
    """Return the vectors of an answer in the order of the texts. ValueError and the like if it is not whole."""
    data = answer["data"]
    by_index = {item.get("index", place): item["embedding"] for place, item in enumerate(data)}
    if len(data) != count or set(by_index) != set(range(count)):
        raise ValueError("not one vector for each text")
    rows = np.array([by_index[index] for index in range(count)], dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError("not vectors of numbers")
    return rows


def _mean(rows: Matrix, parts: Sequence[str]) -> Vector:
    weights = np.array([len(part) for part in parts], dtype=np.float32)
    mean: Vector = weights @ rows
    length = float(np.linalg.norm(mean))
    direction: Vector = (mean / length if length else rows[0]).astype(np.float32)
    return direction


def _piece_tokens(piece: str) -> int:
    """Return a high estimate for a run of letters, a run of digits, or a sign."""
    if piece.isdigit():
        return (len(piece) + 1) // 2
    if piece.isascii():
        # Models know few parts of acronyms, of keys and of hashes; no word is as long as the latter.
        unknown = len(piece) > 24 or (piece.isupper() and len(piece) > 1)
        return (len(piece) + 1) // 2 if unknown else (len(piece) + 3) // 4
    return (len(piece.encode()) + 1) // 2 if len(piece) > 1 else len(piece.encode())


def _split(text: str, limit: int) -> list[str]:
    """Return the text in parts of at most ``limit`` estimated tokens, cut between words where there are any."""
    parts: list[str] = []
    start = tokens = 0
    for match in _PIECE.finditer(text):
        count = _piece_tokens(match[0])
        if tokens and tokens + count > limit:
            parts.append(text[start : match.start()])
            start, tokens = match.start(), 0
        tokens += count
    parts.append(text[start:])
    return [part if part.strip() else _BLANK for part in parts]
