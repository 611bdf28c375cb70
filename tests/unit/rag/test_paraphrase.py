from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.paraphrase import THRESHOLD, same_question

SAME = [
    ("Comment équilibrer un canal ?", "comment équilibrer mes canaux"),
    ("Comment équilibrer un canal ?", "Comment rééquilibrer un canal Lightning ?"),
    ("Qu'est-ce qu'un HTLC ?", "C'est quoi un HTLC ?"),
    ("Avec LND, comment ouvrir un canal ?", "Comment ouvrir un canal avec LND ?"),
    ("Pourquoi mon paiement échoue-t-il ?", "Pourquoi est-ce que mon paiement échoue ?"),
    ("How do I balance a channel?", "how can I balance my channels please"),
    ("What is an HTLC?", "what's an HTLC"),
    ("How do I open a channel with CLN?", "How do I open a channel with Core Lightning?"),
    ("How do I back up my node?", "How to backup a node?"),
]
DIFFERENT = [
    ("Comment ouvrir un canal ?", "Comment fermer un canal ?"),
    ("Comment ouvrir un canal avec LND ?", "Comment ouvrir un canal avec Core Lightning ?"),
    ("Comment obtenir de la liquidité entrante ?", "Comment obtenir de la liquidité sortante ?"),
    ("Peut-on fermer un canal ?", "Doit-on fermer un canal ?"),
    ("Puis-je ouvrir un canal avec Tor ?", "Puis-je ouvrir un canal sans Tor ?"),
    ("Que se passe-t-il après 144 blocs ?", "Que se passe-t-il après 2016 blocs ?"),
    ("Pourquoi ouvrir un canal ?", "Comment ouvrir un canal ?"),
    ("How do I close a channel?", "Why do I close a channel?"),
    ("Is a channel closed?", "Is a channel not closed?"),
    ("How do I move from lnd to cln?", "How do I move from cln to lnd?"),
    ("Does my node need more memory?", "Does my node need less memory?"),
    ("What is new in v0.18.3?", "What is new in v0.18.4?"),
    ("Should I back up before an upgrade?", "Should I back up after an upgrade?"),
    ("What is Bitcoin?", "Qu'est-ce que Bitcoin ?"),
]


@pytest.mark.parametrize("a, b", SAME)
def test_the_same_question_in_other_words_is_recognised(a: str, b: str) -> None:
    assert same_question(a, b, 0.97)
    assert same_question(b, a, 0.97)


@pytest.mark.parametrize("a, b", DIFFERENT)
def test_one_word_that_matters_makes_another_question_however_near_the_vectors(a: str, b: str) -> None:
    assert not same_question(a, b, 1.0)
    assert not same_question(b, a, 1.0)


def test_far_vectors_are_never_the_same_question() -> None:
    question = "Comment équilibrer un canal ?"

    assert same_question(question, question, THRESHOLD)
    assert not same_question(question, question, THRESHOLD - 0.001)


@pytest.mark.parametrize("question", ["", "?", "les des une", "how do I"])
def test_questions_without_content_are_never_taken_for_another(question: str) -> None:
    assert not same_question(question, question, 1.0)


@given(st.text(max_size=80), st.text(max_size=80), st.floats(-1, 1))
def test_the_judgement_does_not_depend_on_the_order(a: str, b: str, cosine: float) -> None:
    assert same_question(a, b, cosine) == same_question(b, a, cosine)
