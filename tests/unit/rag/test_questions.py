from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.questions import Kind, definition_head, holds_answer, kind_of


@pytest.mark.parametrize(
    "question, kind",
    [
        ("Qu'est-ce qu’un HTLC ?", Kind.DEFINITION),
        ("What is a channel?", Kind.DEFINITION),
        ("What does HTLC stand for?", Kind.DEFINITION),
        ("Comment équilibrer un canal ?", Kind.HOW_TO),
        ("Comment se prémunir contre la triche ?", Kind.HOW_TO),
        ("How do I open a channel?", Kind.HOW_TO),
        ("Which command lists channels?", Kind.HOW_TO),
        ("Comment fonctionne le routage ?", Kind.HOW),
        ("How does gossip work?", Kind.HOW),
        ("Pourquoi mon canal est-il fermé ?", Kind.WHY),
        ("Quand faut-il augmenter les frais ?", Kind.WHEN),
        ("In which year did it start?", Kind.WHEN),
        ("Quelle est la taille maximale d'un canal ?", Kind.HOW_MANY),
        ("What is the maximum size of a channel?", Kind.HOW_MANY),
        ("How long does it take?", Kind.HOW_MANY),
        ("Qui a inventé Bitcoin ?", Kind.WHO),
        ("Où se trouve channel.db ?", Kind.WHERE),
        ("Est-ce que je peux fermer un canal ?", Kind.YES_NO),
        ("Is a watchtower needed?", Kind.YES_NO),
        ("synced_to_graph false", Kind.OTHER),
    ],
)
def test_the_kind_of_a_question_is_told_in_both_languages(question: str, kind: Kind) -> None:
    assert kind_of(question) is kind


@pytest.mark.parametrize(
    "kind, holding, lacking",
    [
        (Kind.WHEN, "It began in 2018.", "It began somewhere."),
        (Kind.HOW_MANY, "Il faut trois canaux.", "Il faut des canaux."),
        (Kind.WHO, "It was written by Rusty Russell.", "It was written long ago."),
        (Kind.WHY, "Le canal ferme car le pair est absent.", "Le canal ferme."),
        (Kind.HOW_TO, "Use a swap.", "A swap costs more."),
    ],
)
def test_a_text_is_asked_for_what_the_question_wants(kind: Kind, holding: str, lacking: str) -> None:
    assert holds_answer(kind, holding)
    assert not holds_answer(kind, lacking)


def test_any_text_may_answer_a_question_of_no_special_kind() -> None:
    assert holds_answer(Kind.OTHER, "")


@pytest.mark.parametrize(
    "sentence, head",
    [
        ("An HTLC is a payment with a condition.", "An HTLC "),
        ("CLTV : une échéance absolue.", "CLTV"),
        ("Run the node.", ""),
    ],
)
def test_a_definition_names_what_it_defines_first(sentence: str, head: str) -> None:
    assert definition_head(sentence) == head


@given(st.text(max_size=120), st.sampled_from(Kind))
def test_any_text_is_judged(text: str, kind: Kind) -> None:
    assert isinstance(kind_of(text), Kind)
    assert holds_answer(kind, text) in (True, False)
    assert len(definition_head(text).split()) <= 9
