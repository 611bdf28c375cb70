"""How answers look: citations lead to the words, what has no source is marked, what is not known is said."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from rag import services
from rag.models import Conversation
from tests.factories import make_user
from tests.factories_pages import asked, citation, passage, stored_document

pytestmark = pytest.mark.django_db

TEXT = "A channel is a pot of bitcoin. Pay yourself around a circle. It costs fees. Then wait for a while."
QUOTE = "Pay yourself around a circle."


@pytest.fixture
def user(client: Client) -> Any:
    """Return a reader who is logged in."""
    reader = make_user(is_superuser=True)
    client.force_login(reader)
    return reader


def page(client: Client, question: Any) -> str:
    return client.get(reverse("conversation", args=[question.conversation_id])).content.decode()


def answered(user: Any, document: Any, **values: Any) -> Any:
    row = citation(document, QUOTE)
    result = {
        "citations": [row],
        "sentences": [{"text": QUOTE, "citations": [1]}],
        "passages": [passage(document, TEXT, heading="Basics")],
    }
    return asked(user, answer=f"{QUOTE} [1]", result=result, **values)


def test_a_citation_leads_to_the_marked_words(client: Client, user: Any) -> None:
    document = stored_document(TEXT)
    question = answered(user, document)

    html = page(client, question)
    links = [unescape(link) for link in re.findall(r'<a class="cite" href="([^"]+)"', html)]

    assert len(links) == 1
    assert f'<mark id="quote" tabindex="-1">{QUOTE}</mark>' in client.get(links[0]).content.decode()


def test_a_source_shows_its_passage_and_why_it_was_found(client: Client, user: Any) -> None:
    html = page(client, answered(user, stored_document(TEXT)))

    assert f"A channel is a pot of bitcoin. <mark>{QUOTE}</mark> It costs fees." in html
    assert "Basics" in html
    assert re.search(r"Rank by words</dt><dd>1</dd>", html)
    assert re.search(r"Rank by meaning</dt><dd>2 <span[^>]*>\(similarity 0.71\)", html)


def test_words_of_another_language_are_announced_as_such(client: Client, user: Any) -> None:
    html = page(client, answered(user, stored_document(TEXT, language="fr"), language="fr"))

    assert '<html lang="en">' in html
    for name in ("question-text", "answer-text quoted", "source-quote clamp", "passage"):
        assert re.search(f'class="{name}"[^>]* lang="fr"', html), name


def test_a_quoting_answer_says_so_and_a_written_one_names_its_model(client: Client, user: Any) -> None:
    document = stored_document(TEXT)

    assert "quotes, does not write" in page(client, answered(user, document))
    written = page(client, answered(user, document, mode="generative", model="small-model", cached=True))
    assert "written by small-model" in written
    assert "from the cache" in written


@pytest.mark.parametrize(("confidence", "shown"), [(0.874, "87%"), (1.0, "99%")])
def test_a_measured_confidence_is_never_a_certainty(
    client: Client, user: Any, confidence: float, shown: str
) -> None:
    assert f"confidence {shown}" in page(client, answered(user, stored_document(TEXT), confidence=confidence))


def test_a_sentence_without_a_source_is_marked_in_words(client: Client, user: Any) -> None:
    document = stored_document(TEXT)
    row = citation(document, QUOTE)
    sentences = [{"text": QUOTE, "citations": [1]}, {"text": "It is always free.", "citations": []}]
    question = asked(
        user,
        answer=f"{QUOTE} [1] It is always free.",
        mode="generative",
        result={"citations": [row], "sentences": sentences},
    )

    html = page(client, question)

    assert '<span class="unsupported">It is always free.</span>' in html
    assert "no passage backs this" in html
    assert "1 sentence without a source" in html


def test_what_is_not_known_is_said_with_the_nearest_passages_and_a_next_step(
    client: Client, user: Any
) -> None:
    document = stored_document(TEXT, title="Nearest page")
    words = "I don't know: the documents do not answer this question."
    question = asked(user, answer=words, answerable=False, result={"nearest": [passage(document, TEXT)]})

    html = page(client, question)

    assert words in unescape(html)
    assert "Nearest page" in html
    assert reverse("document_upload") in html
    assert "confidence" not in html


def test_a_deleted_document_is_no_longer_quoted_in_the_history(client: Client, user: Any) -> None:
    document = stored_document(TEXT)
    question = answered(user, document)
    services.delete_document(user=user, document=document)

    html = page(client, question)

    assert "no longer in your library" in html
    assert "<mark>" not in html
    assert reverse("document", args=[document.pk]) not in html


def test_a_notice_explains_an_answer_that_could_be_fuller(client: Client, user: Any) -> None:
    document = stored_document(TEXT)
    lexical = answered(user, document)
    lexical.result["notice"] = "lexical_only"
    lexical.save()

    assert "vectors are still being computed" in page(client, lexical)


def test_hostile_titles_and_answers_stay_text(client: Client, user: Any) -> None:
    document = stored_document(TEXT, title="<script>alert(1)</script>")
    question = answered(user, document, text="<img src=x onerror=alert(1)>")
    question.answer = "<script>alert(2)</script> `<b>` [1]"
    question.save()

    html = page(client, question)

    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "<b>" not in html


def test_the_fragment_of_an_answer_is_the_one_of_its_page(client: Client, user: Any) -> None:
    question = answered(user, stored_document(TEXT))

    fragment = client.get(
        reverse("question", args=[question.pk]), headers={"HX-Request": "true"}
    ).content.decode()

    assert "<html" not in fragment
    assert f'id="q-{question.pk}"' in fragment
    assert 'class="cite"' in fragment


def test_questions_of_others_do_not_exist(client: Client, user: Any) -> None:
    foreign = asked(make_user())

    assert client.get(reverse("conversation", args=[foreign.conversation_id])).status_code == 404
    assert client.get(reverse("question", args=[foreign.pk])).status_code == 404
    assert client.post(reverse("question_feedback", args=[foreign.pk]), {"helpful": "yes"}).status_code == 404


def test_feedback_is_kept_and_can_be_changed(client: Client, user: Any) -> None:
    question = answered(user, stored_document(TEXT))
    address = reverse("question_feedback", args=[question.pk])

    first = client.post(address, {"helpful": "yes", "comment": ""}, headers={"HX-Request": "true"})
    second = client.post(address, {"helpful": "no", "comment": "too short"})

    assert "Noted: helpful." in first.content.decode()
    assert second["Location"].endswith(f"#q-{question.pk}")
    question.refresh_from_db()
    assert (question.feedback.helpful, question.feedback.comment) == (False, "too short")
    assert "too short" in page(client, question)


def test_feedback_that_is_neither_changes_nothing(client: Client, user: Any) -> None:
    question = answered(user, stored_document(TEXT))

    client.post(reverse("question_feedback", args=[question.pk]), {"helpful": "perhaps"})

    question.refresh_from_db()
    assert not hasattr(question, "feedback")


def test_a_long_conversation_costs_no_more_queries_than_a_short_one(
    client: Client, user: Any, django_assert_max_num_queries: Any
) -> None:
    conversation = Conversation.objects.create(user=user, title="long")
    for _number in range(8):
        document = stored_document(TEXT)
        result = {"citations": [citation(document, QUOTE)], "passages": [passage(document, TEXT)]}
        asked(user, conversation=conversation, answer=f"{QUOTE} [1]", result=result)

    with django_assert_max_num_queries(14):
        html = client.get(reverse("conversation", args=[conversation.pk])).content.decode()

    assert html.count('class="cite"') == 8
