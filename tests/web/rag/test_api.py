"""The contract of ``/api/v1/rag/``, called as its users call it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client

from rag.models import Conversation, Document, EvaluationCase, Feedback
from rag.services import make_evaluation_case
from tests.factories import BALANCING, make_collection, make_pipeline, make_user, ready_document

pytestmark = pytest.mark.django_db

QUESTION = "How do I balance a channel?"


@pytest.fixture
def user(embedder: Any) -> Any:
    return make_user("admin", is_superuser=True, is_staff=True)


@pytest.fixture
def api(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(
        f"/api/v1/rag/{path}", json.dumps(body), content_type="application/json", headers=headers
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "documents"),
        ("post", "documents"),
        ("get", "documents/5f5c1d1e-0000-4000-8000-000000000000"),
        ("post", "search"),
        ("post", "query"),
        ("post", "queries/5f5c1d1e-0000-4000-8000-000000000000/feedback"),
        ("get", "collections"),
    ],
)
def test_nothing_is_open_to_the_anonymous(method: str, path: str) -> None:
    answer = getattr(Client(), method)(f"/api/v1/rag/{path}")

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"


class TestDocuments:
    def test_a_text_is_added_once(self, api: Client) -> None:
        body = {"title": "Note", "text": BALANCING, "language": "en"}

        first, again = post(api, "documents", body), post(api, "documents", body)

        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["id"] == again.json()["id"]
        assert first.json()["status"] == "queued"
        assert first.json()["title"] == "Note"

    def test_a_file_is_added_read_and_deleted(self, api: Client, embedder: Any) -> None:
        file = SimpleUploadedFile("guide.md", BALANCING.encode(), "text/markdown")
        added = api.post("/api/v1/rag/documents", {"file": file, "title": "My guide"})
        assert added.status_code == 201
        pipeline = make_pipeline(embedder)
        while pipeline.read_next() or pipeline.embed_next():
            continue

        path = f"/api/v1/rag/documents/{added.json()['id']}"
        shown = api.get(path).json()
        text = api.get(f"{path}/text").json()
        deleted = api.delete(path)

        assert (shown["status"], shown["title"], shown["progress"]) == ("ready", "My guide", 100)
        assert shown["chunk_count"] >= 1
        assert "pay yourself around a circle" in text["text"]
        assert deleted.status_code == 204
        assert api.get(path).status_code == 404
        assert api.get("/api/v1/rag/documents").json()["count"] == 0

    def test_replacing_keeps_the_id(self, api: Client, user: Any, embedder: Any) -> None:
        document = ready_document(user, embedder, BALANCING)
        file = SimpleUploadedFile("new.md", b"# New\n\nAnother text about channels.", "text/markdown")
        client_data = {"file": file}

        answer = api.put(
            f"/api/v1/rag/documents/{document.pk}",
            data=_multipart(client_data),
            content_type="multipart/form-data; boundary=BoUnDaRyStRiNg",
        )

        assert answer.status_code == 202
        assert answer.json()["id"] == str(document.pk)
        assert answer.json()["status"] == "queued"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"text": "x"}, "title"),
            ({"title": "x"}, "text"),
            ({"title": "x", "text": "   "}, "text"),
            ({"title": "x", "text": "y", "language": "de"}, "language"),
            ({"title": "x", "text": "y", "source_url": "no url"}, "source_url"),
            ({"title": "x", "text": "y", "collection": "unknown"}, "collection"),
            ({"url": "http://127.0.0.1:1/"}, "url"),
            ({"url": "ftp://example.com/"}, "url"),
        ],
    )
    def test_bad_input_names_its_field(self, api: Client, body: Any, field: str) -> None:
        answer = post(api, "documents", body)

        assert answer.status_code in (400, 404)
        assert answer["Content-Type"] == "application/problem+json"
        assert field in answer.json()["errors"]
        assert not Document.objects.exists()

    @pytest.mark.parametrize("body", [[1], 5, None, True, "url"])
    def test_a_body_that_is_no_object_is_refused(self, api: Client, body: Any) -> None:
        answer = api.post("/api/v1/rag/documents", json.dumps(body), content_type="application/json")

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"

    def test_a_file_above_the_limit_is_refused_with_413(self, api: Client, settings: Any) -> None:
        settings.RAG_MAX_FILE_MB = 1
        file = SimpleUploadedFile("big.md", b"x" * (2**20 + 1), "text/markdown")

        answer = api.post("/api/v1/rag/documents", {"file": file})

        assert answer.status_code == 413
        assert "file" in answer.json()["errors"]

    def test_messages_speak_the_caller_s_language(self, api: Client) -> None:
        answer = post(api, "documents", {"title": "x", "text": "  "}, **{"Accept-Language": "fr"})

        assert answer.json()["errors"]["text"] == ["Le texte est vide."]

    def test_lists_filter_and_do_not_grow_in_queries(
        self, api: Client, user: Any, embedder: Any, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(5):
            ready_document(user, embedder, f"# Page {number}\n\nText of page {number} about channels.")

        with django_assert_max_num_queries(6):
            answer = api.get("/api/v1/rag/documents", {"status": "ready", "search": "page"})

        assert answer.json()["count"] == 5
        assert answer.json()["results"][0]["pages"] is None
        assert api.get("/api/v1/rag/documents", {"status": "wrong"}).status_code == 400


class TestCollections:
    def test_they_are_listed_in_pages(self, api: Client, user: Any) -> None:
        make_collection("A")
        make_collection("B", owner=user)

        answer = api.get("/api/v1/rag/collections", {"page_size": 1}).json()

        assert (answer["count"], [each["name"] for each in answer["results"]]) == (2, ["A"])
        assert answer["next"].endswith("page=2&page_size=1")


class TestSearch:
    def test_results_have_the_shape_of_the_contract(self, api: Client, user: Any, embedder: Any) -> None:
        document = ready_document(user, embedder, BALANCING)

        answer = post(api, "search", {"query": QUESTION, "top_k": 3}).json()

        first = answer["results"][0]
        assert document.active_version is not None
        assert first["document"] == str(document.pk)
        assert first["text"] == document.active_version.text[first["start"] : first["end"]]
        assert {"title", "chunk", "heading", "score"} <= first.keys()
        assert first["why"]["vector_rank"] == 1

    def test_language_and_collection_restrict(self, api: Client, user: Any, embedder: Any) -> None:
        ready_document(user, embedder, BALANCING, collection=make_collection("a"))

        assert post(api, "search", {"query": QUESTION, "language": "fr"}).json()["results"] == []
        assert post(api, "search", {"query": QUESTION, "collection": "a"}).json()["results"]

    @pytest.mark.parametrize(
        ("body", "field"), [({}, "query"), ({"query": "x", "top_k": 0}, "top_k"), ({"query": ""}, "query")]
    )
    def test_bad_input_names_its_field(self, api: Client, body: Any, field: str) -> None:
        answer = post(api, "search", body)

        assert answer.status_code == 400
        assert field in answer.json()["errors"]


class TestQuery:
    def test_the_answer_has_the_shape_of_the_contract(self, api: Client, user: Any, embedder: Any) -> None:
        document = ready_document(user, embedder, BALANCING)

        answer = post(api, "query", {"question": QUESTION}).json()

        assert answer["answerable"] is True
        assert answer["mode"] == "extractive"
        citation = answer["citations"][0]
        assert document.active_version is not None
        assert citation["quote"] == document.active_version.text[citation["start"] : citation["end"]]
        assert {"confidence", "model", "cached", "conversation", "id", "timings"} <= answer.keys()

    def test_feedback_is_kept_and_becomes_a_test_case(self, api: Client, user: Any, embedder: Any) -> None:
        ready_document(user, embedder, BALANCING)
        query = post(api, "query", {"question": QUESTION}).json()["id"]

        given = post(api, f"queries/{query}/feedback", {"helpful": False, "comment": "too short"})
        again = post(api, f"queries/{query}/feedback", {"helpful": True})
        missing = post(api, f"queries/{query}/feedback", {})
        make_evaluation_case(user=user, question=Feedback.objects.get().question)

        assert (given.status_code, again.status_code) == (200, 200)
        assert Feedback.objects.get().helpful is True
        assert "helpful" in missing.json()["errors"]
        assert EvaluationCase.objects.get().question == QUESTION

    def test_nobody_else_s_question_or_conversation_can_be_used(
        self, api: Client, user: Any, embedder: Any
    ) -> None:
        query = post(api, "query", {"question": QUESTION}).json()
        other = Client()
        other.force_login(make_user("other"))

        assert post(other, f"queries/{query['id']}/feedback", {"helpful": True}).status_code == 404
        asked = post(other, "query", {"question": QUESTION, "conversation": query["conversation"]})
        assert asked.status_code == 404
        assert "conversation" in asked.json()["errors"]
        assert Conversation.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "question"),
            ({"question": " "}, "question"),
            ({"question": "x" * 2001}, "question"),
            ({"question": "x", "top_k": 51}, "top_k"),
            ({"question": "x", "conversation": "no id"}, "conversation"),
            ({"question": "x", "collection": "unknown"}, "collection"),
        ],
    )
    def test_bad_input_names_its_field(self, api: Client, body: Any, field: str) -> None:
        answer = post(api, "query", body)

        assert answer.status_code in (400, 404)
        assert field in answer.json()["errors"]


def _multipart(data: dict[str, Any]) -> bytes:
    from django.test.client import BOUNDARY, encode_multipart

    assert BOUNDARY == "BoUnDaRyStRiNg"
    return encode_multipart(BOUNDARY, data)


def _events(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    events = []
    for block in body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            events.append((lines["event"], json.loads(lines["data"])))
    return events


@pytest.mark.django_db(transaction=True)
class TestStream:
    async def ask(self, user: Any, body: dict[str, Any]) -> Any:
        client = AsyncClient()
        await client.aforce_login(user)
        return await client.post(
            "/api/v1/rag/query",
            json.dumps(body),
            content_type="application/json",
            headers={"Accept": "text/event-stream"},
        )

    async def test_the_same_as_events(self, embedder: Any) -> None:
        from asgiref.sync import sync_to_async

        user = await sync_to_async(make_user)("admin", is_superuser=True)
        await sync_to_async(ready_document)(user, embedder, BALANCING)

        answer = await self.ask(user, {"question": QUESTION})
        body = b"".join([piece async for piece in answer.streaming_content])

        assert answer["Content-Type"].startswith("text/event-stream")
        events = _events(body)
        assert events[0][0] == "sources"
        assert events[-1][0] == "done"
        streamed = "".join(data["text"] for name, data in events if name == "token")
        assert streamed == events[-1][1]["answer"]
        assert events[-1][1]["citations"]

    async def test_errors_before_the_stream_are_problem_documents(self, embedder: Any) -> None:
        from asgiref.sync import sync_to_async

        user = await sync_to_async(make_user)("admin", is_superuser=True)

        answer = await self.ask(user, {"question": ""})

        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"
        assert "question" in answer.json()["errors"]
