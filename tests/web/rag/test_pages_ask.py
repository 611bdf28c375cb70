"""The question page: what it offers before the first question, and asking without a script."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from rag.models import Conversation, DocumentStatus, Question
from rag.suggestions import GUIDE, suggestions
from tests.factories import BALANCING, make_collection, make_user, ready_document
from tests.factories_pages import stored_document

pytestmark = pytest.mark.django_db

QUESTION = "How do I balance a channel?"


@pytest.fixture
def user(client: Client) -> Any:
    """Return an administrator who is logged in."""
    admin = make_user(is_superuser=True)
    client.force_login(admin)
    return admin


def home(client: Client, language: str = "en") -> str:
    return unescape(client.get("/", headers={"Accept-Language": language}).content.decode())


def test_an_empty_library_leads_to_the_documents(client: Client, user: Any) -> None:
    html = home(client)

    assert "Your library is empty" in html
    assert f'href="{reverse("documents")}"' in html
    assert "For example" not in html


def test_documents_in_work_are_announced(client: Client, user: Any) -> None:
    stored_document(status=DocumentStatus.QUEUED)

    assert "The first documents are being read." in home(client)


def test_suggestions_need_a_guide_that_answers_them(client: Client, user: Any) -> None:
    stored_document("Anything.", chunk_count=2)
    assert "For example" not in home(client)

    stored_document("Guide.", source_key=f"{GUIDE}en/04.md", chunk_count=3)
    html = home(client)
    assert QUESTION in html
    assert "Answers from 2 documents (5 passages)." in html


def test_suggestions_speak_the_language_of_the_page(client: Client, user: Any) -> None:
    stored_document("Guide.", source_key=f"{GUIDE}fr/04.md", chunk_count=3)

    html = home(client, "fr")

    assert "Que voulez-vous savoir" in html
    assert "Comment équilibrer un canal" in html


def test_a_guide_that_one_may_not_read_suggests_nothing(client: Client) -> None:
    stored_document("Guide.", source_key=f"{GUIDE}en/04.md", collection=make_collection())

    assert suggestions(make_user()) == []


def test_a_question_without_a_script_leads_to_its_answer(client: Client, user: Any, embedder: Any) -> None:
    ready_document(user, embedder, BALANCING)

    response = client.post("/", {"question": QUESTION})

    question = Question.objects.get()
    conversation = reverse("conversation", args=[question.conversation_id])
    assert response["Location"] == f"{conversation}#q-{question.pk}"
    html = client.get(conversation).content.decode()
    assert "pay yourself around a circle" in html
    assert 'class="cite"' in html


def test_the_next_question_joins_the_conversation(client: Client, user: Any, embedder: Any) -> None:
    ready_document(user, embedder, BALANCING)
    client.post("/", {"question": QUESTION})
    conversation = Conversation.objects.get()

    client.post("/", {"question": "And which command does it?", "conversation": str(conversation.pk)})

    assert Conversation.objects.count() == 1
    html = unescape(client.get(reverse("conversation", args=[conversation.pk])).content.decode())
    assert html.index(QUESTION) < html.index("And which command does it?")


@pytest.mark.parametrize("question", ["", "   ", "x" * 2001])
def test_a_question_that_cannot_be_asked_is_explained_and_kept(
    client: Client, user: Any, question: str
) -> None:
    response = client.post("/", {"question": question})

    html = response.content.decode()
    assert response.status_code == 400
    assert 'id="question_error"' in html
    assert 'aria-invalid="true"' in html
    assert not Question.objects.exists()


def test_a_collection_that_one_may_not_read_is_no_choice(client: Client) -> None:
    reader = make_user()
    client.force_login(reader)
    hidden = make_collection("Hidden shelf")
    make_collection("One", everyone=True)
    make_collection("Two", everyone=True)

    response = client.post("/", {"question": QUESTION, "collection": str(hidden.pk)})

    assert response.status_code == 400
    assert 'id="collection_error"' in response.content.decode()
    assert "Hidden shelf" not in home(client)
    assert "Two" in home(client)


def test_a_conversation_of_others_is_not_continued(client: Client, user: Any) -> None:
    foreign = Conversation.objects.create(user=make_user(), title="theirs")

    response = client.post("/", {"question": QUESTION, "conversation": str(foreign.pk)})

    assert response.status_code == 404
    assert not Question.objects.exists()


def test_a_visitor_is_sent_to_the_login_and_back(client: Client) -> None:
    response = client.get(reverse("documents"))

    assert response["Location"] == f"{reverse('login')}?next=/documents/"
