"""History: found again, searched, deleted; and nobody else's."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from rag.models import Conversation, Question
from tests.factories import make_user
from tests.factories_pages import asked

pytestmark = pytest.mark.django_db

HISTORY = "/history/"


@pytest.fixture
def user(client: Client) -> Any:
    """Return a reader who is logged in."""
    reader = make_user()
    client.force_login(reader)
    return reader


def html_of(client: Client, **query: Any) -> str:
    return unescape(client.get(HISTORY, query).content.decode())


def test_an_empty_history_leads_to_the_first_question(client: Client, user: Any) -> None:
    html = html_of(client)

    assert "No questions yet" in html
    assert "Delete all" not in html


def test_conversations_are_listed_with_their_length_and_nobody_elses(client: Client, user: Any) -> None:
    first = asked(user, "How are fees set?")
    asked(user, "And for inbound?", conversation=first.conversation)
    asked(make_user(), "A secret question")

    html = html_of(client)

    assert "How are fees set?" in html
    assert "2 questions" in html
    assert "A secret question" not in html


def test_search_looks_into_questions_and_answers(client: Client, user: Any) -> None:
    asked(user, "How are fees set?", answer="With `updatechanpolicy`.")
    asked(user, "How do I back up?", answer="Copy channel.backup.")

    assert "How do I back up?" in html_of(client, search="channel.backup")
    assert "How are fees set?" not in html_of(client, search="channel.backup")
    assert "No question or answer matches" in html_of(client, search="zebra")


def test_one_conversation_is_deleted_once_confirmed(client: Client, user: Any) -> None:
    question = asked(user, "How are fees set?")
    kept = asked(user, "How do I back up?")
    address = reverse("conversation_delete", args=[question.conversation_id])

    assert "Delete this conversation?" in client.get(address).content.decode()
    assert Question.objects.count() == 2

    client.post(address)
    assert [left.pk for left in Question.objects.all()] == [kept.pk]


def test_the_whole_history_is_deleted_and_only_ones_own(client: Client, user: Any) -> None:
    asked(user)
    asked(user)
    foreign = asked(make_user())

    response = client.post(reverse("history_delete"), follow=True)

    assert "2 conversations were deleted." in response.content.decode()
    assert [left.pk for left in Conversation.objects.all()] == [foreign.conversation_id]


def test_a_conversation_of_others_cannot_be_deleted(client: Client, user: Any) -> None:
    foreign = asked(make_user())

    assert client.post(reverse("conversation_delete", args=[foreign.conversation_id])).status_code == 404
    assert Conversation.objects.count() == 1


@pytest.mark.parametrize("count", [2, 25])
def test_a_list_costs_the_same_queries_whatever_its_length(
    client: Client, user: Any, count: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(count):
        asked(user, f"Question {number}")

    with django_assert_max_num_queries(5):
        client.get(HISTORY)


def test_older_conversations_are_on_further_pages(client: Client, user: Any) -> None:
    for number in range(31):
        asked(user, f"Question {number}")

    assert "Page 1 of 2" in html_of(client)
    assert html_of(client, page=2).count('class="row-title"') == 1
