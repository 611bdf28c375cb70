from __future__ import annotations

import threading
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.indexes.base import ChunkIndex, IndexCounts
from rag.indexes.embedded import EmbeddedIndex
from rag.values import Hit, IndexedChunk, Vector

DIMENSION = 16
MINE, THEIRS = "a" * 32, "b" * 32


def key(number: int) -> str:
    return UUID(int=number).hex


def vector(seed: int) -> Vector:
    values = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values))


def chunk(
    number: int,
    text: str = "channel balance",
    *,
    document: int = 0,
    collection: str = MINE,
    embedded: bool = True,
) -> IndexedChunk:
    return IndexedChunk(
        chunk=key(1000 + number),
        document=key(document or number),
        collection=collection,
        language="en",
        title="",
        heading="",
        text=text,
        vector=vector(number) if embedded else None,
    )


def filled(*chunks: IndexedChunk) -> EmbeddedIndex:
    index = EmbeddedIndex("model")
    documents: dict[str, list[IndexedChunk]] = {}
    for each in chunks:
        documents.setdefault(each.document, []).append(each)
    index.add_documents(documents.values())
    return index


def found(index: ChunkIndex, query: str, seed: int | None = None, **options: object) -> list[str]:
    return [hit.chunk for hit in search(index, query, seed, **options)]


def search(index: ChunkIndex, query: str, seed: int | None = None, **options: object) -> list[Hit]:
    question = None if seed is None else vector(seed)
    return index.search(query, question, **({"collections": None, "limit": 50} | options))  # type: ignore[arg-type]


def test_a_passage_is_found_by_a_word_and_by_meaning_and_says_why() -> None:
    index = filled(chunk(1, "watchtower"), chunk(2, "backup"), chunk(3, "invoice"))

    by_meaning = search(index, "zebra", 2)
    hit = next(hit for hit in search(index, "watchtower", 2) if hit.chunk == key(1001))
    assert (hit.document, hit.lexical_rank) == (key(1), 1)
    assert hit.lexical_score
    assert hit.vector_score == pytest.approx(float(vector(1) @ vector(2)), abs=1e-5)
    assert by_meaning[0].chunk == key(1002)
    assert by_meaning[0].lexical_rank is None
    assert by_meaning[0].vector_rank == 1


def test_title_and_heading_find_a_passage_that_lacks_the_word() -> None:
    index = filled(
        replace(chunk(1, "none"), title="Watchtowers"),
        replace(chunk(2, "none"), heading="Setting up › Backups"),
    )

    assert found(index, "watchtower") == [key(1001)]
    assert found(index, "backup") == [key(1002)]


def test_a_word_in_the_title_outweighs_the_same_word_in_the_text() -> None:
    index = filled(
        replace(chunk(1, "one two watchtower"), title="Three"),
        replace(chunk(2, "one two three"), title="Watchtower"),
    )

    assert found(index, "watchtower") == [key(1002), key(1001)]


def test_french_words_find_english_ones_and_the_other_way_round() -> None:
    index = filled(chunk(1, "channel fees"), chunk(2, "frais du canal"), chunk(3, "wallet"))

    assert set(found(index, "Les frais d'un canal")) == {key(1001), key(1002)}
    assert found(index, "Les frais d'un canal")[0] == key(1002)
    assert found(index, "channel fees")[0] == key(1001)


def test_a_new_version_of_a_document_replaces_the_old_one() -> None:
    index = filled(chunk(1, "old words", document=7), chunk(2, "other", document=8))

    index.add_document([chunk(3, "new words", document=7)])

    assert found(index, "old") == []
    assert found(index, "words") == [key(1003)]
    assert index.counts() == IndexCounts(documents=2, chunks=2, chunks_without_vector=0)


def test_a_removed_document_is_found_no_more_by_words_nor_by_meaning() -> None:
    index = filled(chunk(1, "watchtower"), chunk(2, "watchtower"))

    index.remove_document(key(1))
    index.remove_document(key(99))

    assert found(index, "watchtower", 1) == [key(1002)]


def test_chunks_without_vector_are_found_by_words_until_they_get_one() -> None:
    index = filled(chunk(1, "watchtower", embedded=False), chunk(2, "backup"))
    assert search(index, "watchtower", 9)[0].chunk == key(1001)
    assert search(index, "watchtower", 9)[0].vector_score is None
    assert index.counts().chunks_without_vector == 1

    index.set_vectors({key(1001): vector(1), key(4242): vector(5)})

    assert found(index, "zebra", 1)[0] == key(1001)
    assert index.counts().chunks_without_vector == 0


def test_a_vector_can_be_replaced() -> None:
    index = filled(*(chunk(number) for number in range(1, 5)))

    index.set_vectors({key(1003): vector(77)})

    assert search(index, "zebra", 77)[0].vector_score == pytest.approx(1, abs=1e-5)


def test_language_restricts_what_is_found() -> None:
    index = filled(chunk(1), replace(chunk(2), language="fr"))

    assert found(index, "balance", 1, language="fr") == [key(1002)]
    assert found(index, "balance", 1, language="de") == []


def test_among_equals_the_passage_in_the_language_of_the_question_comes_first() -> None:
    french, english = vector(500), vector(501)
    index = filled(
        replace(chunk(1, "one"), language="en", vector=vector(3)),
        replace(chunk(2, "two"), language="fr", vector=vector(3)),
    )
    index.question_centres = np.stack([french, english])

    for centre, first in ((french, key(1002)), (english, key(1001))):
        question = np.asarray((centre + 0.1 * vector(3)) / np.linalg.norm(centre + 0.1 * vector(3)))
        hits = index.search("zebra", question, collections=None)
        assert [hit.chunk for hit in hits][0] == first


def test_a_question_as_long_as_a_book_is_answered_by_its_first_words() -> None:
    index = filled(*(chunk(number, f"watchtower word{number}") for number in range(1, 200)))
    query = "word7 " + " ".join(f"filler{number}" for number in range(50_000)) + " word9"

    assert found(index, query) == [key(1007)]


def test_a_user_without_any_collection_finds_nothing() -> None:
    assert found(filled(chunk(1)), "balance", 1, collections=frozenset()) == []


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["fee fee", "fee channel", "channel", "close"])), max_size=12
    )
)
def test_what_a_user_may_not_read_has_no_influence_on_what_they_find(rows: list[tuple[bool, str]]) -> None:
    chunks = [
        chunk(number, text, collection=MINE if mine else THEIRS)
        for number, (mine, text) in enumerate(rows, 1)
    ]
    centres = np.stack([vector(500), vector(501)])
    everything, only_mine = filled(*chunks), filled(*(each for each in chunks if each.collection == MINE))
    everything.question_centres = only_mine.question_centres = centres

    within = search(everything, "channel fees", 3, collections=frozenset({MINE}))
    alone = search(only_mine, "channel fees", 3)

    assert within == alone


changes = st.lists(
    st.tuples(st.integers(1, 6), st.sampled_from(["", "fee fee channel", "channel close", "backup fee"])),
    max_size=25,
)


@settings(deadline=None)
@given(changes, st.integers(1, 5))
def test_any_history_of_changes_leaves_the_scores_of_a_fresh_index(
    history: list[tuple[int, str]], step: int
) -> None:
    index, left = EmbeddedIndex("model"), dict[int, str]()
    for number, (document, text) in enumerate(history):
        if text:
            index.add_document([chunk(document, text, embedded=number % step == 0)])
            index.set_vectors({key(1000 + document): vector(document)})
            left[document] = text
        else:
            index.remove_document(key(document))
            left.pop(document, None)
    fresh = filled(*(chunk(document, text) for document, text in left.items()))

    by_chunk = {hit.chunk: hit for hit in search(index, "fee channel", 3)}

    assert by_chunk.keys() == {key(1000 + document) for document in left}
    for hit in search(fresh, "fee channel", 3):
        other = by_chunk[hit.chunk]
        assert other.lexical_score == hit.lexical_score
        assert other.vector_score == pytest.approx(hit.vector_score, abs=1e-6)


def test_removed_rows_are_given_back_and_the_rest_is_found_as_before() -> None:
    index = filled(*(chunk(number, f"word{number} channel") for number in range(1, 1001)))
    before = search(index, "word7 channel", 7)[0]

    for number in range(101, 1001):
        index.remove_document(key(number))

    assert index.rows < 500
    assert index.counts() == IndexCounts(documents=100, chunks=100, chunks_without_vector=0)
    after = search(index, "word7 channel", 7)[0]
    assert (after.chunk, after.vector_score) == (before.chunk, before.vector_score)
    index.set_vectors({key(1007): vector(700)})
    assert search(index, "zebra", 700)[0].chunk == key(1007)


def test_readers_see_whole_documents_while_one_writes() -> None:
    index = EmbeddedIndex("model")
    size, rounds = 5, 120
    done = threading.Event()
    errors: list[int] = []

    def read() -> None:
        while not done.is_set():
            hits = search(index, "balance", 3)
            sizes = {hit.document: 0 for hit in hits}
            for hit in hits:
                sizes[hit.document] += 1
            errors.extend(count for count in sizes.values() if count != size)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(rounds):
        base = 10_000 + number * size
        index.add_document([chunk(base + place, document=1 + number % 4) for place in range(size)])
        if number % 3 == 0:
            index.remove_document(key(1 + (number + 2) % 4))
    done.set()
    for reader in readers:
        reader.join()

    assert errors == []


def test_identifiers_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match="32 hex digits"):
        filled(replace(chunk(1), chunk="abc123"))
