from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.generators.excerpts import excerpts
from rag.generators.extractive import extract
from rag.values import Hit, Matrix, Passage, Vector

BALANCING = (
    "Balancing a channel\n\n"
    "Balancing a channel means moving its capacity from one side to the other. It costs a fee. "
    "Is it worth it? There are three ways to balance a channel:\n"
    "- change the fees\n- pay yourself in a circle\n- swap with the chain\n\n"
    "Then run:\n\nlncli listchannels --active_only\n"
)
FEES = "A routing fee has a base and a rate. The rate is counted in parts per million. Set it to 250 ppm at first."
EQUILIBRER = "Équilibrer un canal, c'est déplacer sa capacité d'un côté à l'autre. Cela coûte des frais."


def passage(
    text: str, *, name: str = "a", start: int = 0, language: str = "en", score: float = 1.0
) -> Passage:
    return Passage(
        Hit(f"chunk-{name}", f"doc-{name}", score), name.title(), "", text, start, start + len(text), language
    )


def of_words(texts: Sequence[str]) -> Matrix:
    """Vectors whose cosine is that of the words, so that no model is needed."""
    vectors = np.zeros((len(texts), 64), np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            vectors[row, sum(map(ord, word.strip(".,?:"))) % 64] += 1
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def vector(text: str) -> Vector:
    return np.asarray(of_words([text])[0])


def quotes(question: str, passages: Sequence[Passage], language: str = "en") -> list[str]:
    answer = extract(question, passages, language=language, embed=of_words, query_vector=vector(question))
    return [citation.quote for citation in answer.citations]


def test_every_sentence_is_quoted_word_for_word_where_it_says() -> None:
    documents = {"doc-a": "Preface. " + BALANCING, "doc-b": FEES}
    passages = [passage(BALANCING, start=9), passage(FEES, name="b", score=0.5)]

    answer = extract("What fee rate should I set?", passages, language="en", embed=None, query_vector=None)

    assert answer.citations
    assert [citation.n for citation in answer.citations] == list(range(1, len(answer.citations) + 1))
    for citation, sentence in zip(answer.citations, answer.sentences, strict=True):
        assert documents[citation.document][citation.start : citation.end] == citation.quote
        assert sentence.citations == (citation.n,)
        assert f"{sentence.text} [{citation.n}]" in answer.text


def test_the_most_direct_sentence_comes_first() -> None:
    passages = [passage(BALANCING), passage(FEES, name="b")]

    assert quotes("What is the rate of a routing fee counted in?", passages)[0].startswith(
        "The rate is counted in"
    )
    assert quotes("What does balancing a channel mean?", passages)[0].startswith("Balancing a channel means")


def test_a_list_keeps_its_introduction() -> None:
    found = quotes("How do I balance a channel?", [passage(BALANCING)])

    assert any(q.startswith("There are three ways") and q.endswith("- swap with the chain") for q in found)


def test_a_command_is_quoted_as_a_whole_line() -> None:
    found = quotes("Which command lists the active channels?", [passage(BALANCING)])

    assert any(q.endswith("lncli listchannels --active_only") for q in found)


def test_headings_and_questions_are_no_answers() -> None:
    found = [each.text for each in excerpts(BALANCING)]

    assert "Balancing a channel" not in found
    assert "Is it worth it?" not in found


def test_the_language_of_the_question_is_preferred() -> None:
    passages = [passage(BALANCING), passage(EQUILIBRER, name="b", language="fr")]

    assert all(q in EQUILIBRER for q in quotes("Comment équilibrer un canal ?", passages, "fr"))
    assert all(q in BALANCING for q in quotes("How do I balance a channel?", passages, "en"))


def test_another_language_answers_where_the_own_one_is_silent() -> None:
    assert quotes("How do I balance a channel?", [passage(EQUILIBRER, language="fr")], "en")


def test_a_command_is_no_answer_where_none_is_asked_for() -> None:
    text = "alias=channel\n\nA channel is money that two nodes share. It has a capacity."

    assert quotes("What is a channel?", [passage(text)])[0].startswith("A channel is money")


def test_the_sources_of_a_page_are_no_answer() -> None:
    sources = replace(passage("LND, wallet code: reserve per anchor channel."), heading="Sources")
    text = "LND keeps a reserve of 10,000 satoshis per anchor channel."

    assert (
        quotes("What reserve does LND keep per channel?", [sources, passage(text, name="b", score=0.5)])[0]
        == text
    )


def test_the_same_sentence_is_not_quoted_twice() -> None:
    passages = [passage(FEES), passage(FEES, name="b", score=0.9)]

    found = quotes("How is the rate of a routing fee counted?", passages)

    assert len(found) == len(set(found))


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_no_more_sentences_than_allowed(limit: int) -> None:
    answer = extract(
        "fee", [passage(FEES)], language="en", embed=None, query_vector=None, max_sentences=limit
    )

    assert 1 <= len(answer.sentences) <= limit


def test_nothing_to_quote_gives_an_empty_answer() -> None:
    assert not extract("What?", [], language="en", embed=None, query_vector=None).sentences
    assert not extract(
        "What?", [passage("Why?\n\n---")], language="en", embed=of_words, query_vector=vector("x")
    ).citations


def test_at_most_sixteen_sentences_are_embedded_in_one_call() -> None:
    calls: list[int] = []
    long = " ".join(f"Channel number {n} has a fee of {n} ppm today." for n in range(60))

    def embed(texts: Sequence[str]) -> Matrix:
        calls.append(len(texts))
        return of_words(texts)

    extract("channel fee", [passage(long)], language="en", embed=embed, query_vector=vector("channel fee"))

    assert len(calls) == 1
    assert calls[0] <= 16


pieces = st.sampled_from(
    ["A fee is due. ", "Why? ", "Do:\n- one thing here\n", "\n\n", "# Head\n", "lncli getinfo\n", "é«» "]
)
texts = st.lists(pieces, min_size=1, max_size=12).map("".join)


@given(st.lists(texts, max_size=4), st.text(max_size=40), st.booleans())
def test_quotes_are_always_spans_of_their_documents(bodies: list[str], question: str, meaning: bool) -> None:
    passages = [passage(text, name=str(n), start=n) for n, text in enumerate(bodies)]

    answer = extract(
        question,
        passages,
        language="en",
        embed=of_words if meaning else None,
        query_vector=vector(question) if meaning else None,
    )

    for citation in answer.citations:
        source = next(each for each in passages if each.hit.chunk == citation.chunk)
        assert source.text[citation.start - source.start : citation.end - source.start] == citation.quote
        assert citation.quote == citation.quote.strip() != ""
