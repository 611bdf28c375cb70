"""A follow-up is searched together with what it follows; a question that stands alone is not."""

from __future__ import annotations

import pytest

from rag.followups import leans_on_earlier, standalone

EARLIER = "Comment équilibrer un canal avec LND ?"


@pytest.mark.parametrize(
    "question",
    [
        "Et avec Core Lightning ?",
        "Combien ça coûte ?",
        "Pourquoi ?",
        "why?",
        "And on Core Lightning?",
        "What about fees?",
        "Est-il possible de l'automatiser ?",
        "How much does it cost?",
        "et les frais ?",
    ],
)
def test_a_follow_up_is_searched_with_its_subject(question: str) -> None:
    assert leans_on_earlier(question)
    assert standalone(question, (EARLIER,)) == f"{EARLIER} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "Quelle est la différence entre une fermeture coopérative et une fermeture forcée ?",
        "Which ports does a Lightning node need to open in the firewall?",
        "Comment sauvegarder le fichier channel.backup sur un autre serveur ?",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert not leans_on_earlier(question)
    assert standalone(question, (EARLIER,)) == question


def test_the_first_question_has_nothing_to_lean_on() -> None:
    assert standalone("Pourquoi ?", ()) == "Pourquoi ?"


def test_a_chain_of_follow_ups_leads_back_to_its_subject() -> None:
    history = (
        "Something else entirely about watchtowers and their fees?",
        EARLIER,
        "Et avec Core Lightning ?",
    )

    assert standalone("Pourquoi ?", history) == f"{EARLIER} Et avec Core Lightning ? Pourquoi ?"
