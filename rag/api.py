"""``/api/v1/rag/``: parse, call one service or selector, render."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, parsers, renderers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from rag import permissions, selectors, serializers, services
from rag.ask import AskRequest, Event, answer, ask, passage_json
from rag.generators.base import Cancellation
from rag.library import library
from rag.models import Collection, Conversation, Document
from rag.search import Stopwatch, find
from rag.streaming import event_stream


class EventStreamRenderer(renderers.BaseRenderer):
    """Lets a client ask for server-sent events; errors before the stream begins stay problem documents."""

    media_type = "text/event-stream"
    format = "event-stream"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        return cast(bytes, renderers.JSONRenderer().render(data))


def _user(request: Request) -> Any:
    return request.user


def _collection(request: Request, name: str | None) -> Collection | None:
    return permissions.collection_named(_user(request), name) if name else None


class DocumentsView(generics.ListAPIView[Document]):
    """The documents that the caller may read; adding one."""

    serializer_class = serializers.DocumentSerializer
    parser_classes = (parsers.MultiPartParser, *APIView.parser_classes)

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Document.objects.none()
        filters = serializers.DocumentFilterSerializer(data=self.request.query_params)
        filters.is_valid(raise_exception=True)
        values = filters.validated_data
        found = selectors.document_list(
            _user(self.request),
            collection=_collection(self.request, values.get("collection")),
            status=values.get("status", ""),
            search=values.get("search", ""),
        )
        # The pages of a version are shown; its text may be long.
        return found.select_related("collection", "active_version").defer(
            "active_version__text", "active_version__blocks"
        )

    @extend_schema(parameters=[serializers.DocumentFilterSerializer])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List documents, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request={
            "multipart/form-data": serializers.DocumentFileSerializer,
            "application/json": serializers.DocumentTextSerializer,
        },
        responses={201: serializers.DocumentSerializer, 200: serializers.DocumentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Add a document: 201, or 200 when its content is there already. Reading goes on in the worker."""
        is_file = (request.content_type or "").startswith("multipart/")
        submitted = self._file(request) if is_file else self._text(request)
        body = serializers.DocumentSerializer(submitted.document).data
        return Response(body, status.HTTP_201_CREATED if submitted.created else status.HTTP_200_OK)

    def _file(self, request: Request) -> services.Submitted:
        body = serializers.DocumentFileSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        file = values["file"]
        return services.submit_file(
            user=_user(request),
            file=file,
            filename=file.name,
            media_type=file.content_type or "",
            collection=_collection(request, values.get("collection")),
            title=values["title"],
            language=values["language"],
        )

    def _text(self, request: Request) -> services.Submitted:
        data: Any = request.data
        if isinstance(data, dict) and "url" in data and "text" not in data:
            url = serializers.DocumentUrlSerializer(data=request.data)
            url.is_valid(raise_exception=True)
            shelf = _collection(request, url.validated_data.get("collection"))
            return services.submit_url(user=_user(request), url=url.validated_data["url"], collection=shelf)
        body = serializers.DocumentTextSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = dict(body.validated_data)
        shelf = _collection(request, values.pop("collection", None))
        return services.submit_text(user=_user(request), collection=shelf, **values)


class DocumentView(APIView):
    """One document."""

    parser_classes = (parsers.MultiPartParser, *APIView.parser_classes)

    @extend_schema(responses=serializers.DocumentSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Show a document with its state."""
        return Response(serializers.DocumentSerializer(selectors.document_get(_user(request), pk)).data)

    @extend_schema(
        request={"multipart/form-data": serializers.DocumentContentSerializer},
        responses={202: serializers.DocumentSerializer},
    )
    def put(self, request: Request, pk: UUID) -> Response:
        """Replace the content; the old version answers until the new one is complete."""
        document = selectors.document_get(_user(request), pk)
        body = serializers.DocumentContentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        file = body.validated_data["file"]
        document = services.replace_document(
            user=_user(request),
            document=document,
            file=file,
            filename=file.name,
            media_type=file.content_type or "",
        )
        return Response(serializers.DocumentSerializer(document).data, status.HTTP_202_ACCEPTED)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a document; no later answer quotes it."""
        services.delete_document(user=_user(request), document=selectors.document_get(_user(request), pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DocumentTextView(APIView):
    """The text that quotes stand in."""

    @extend_schema(responses=serializers.StoredTextSerializer)
    def get(self, request: Request, pk: UUID) -> Response:
        """Return the stored text with its blocks; ``start`` and ``end`` of citations count in it."""
        reader = selectors.document_reader(_user(request), pk)
        blocks = [[b.kind.value, b.start, b.end, b.level, b.page] for b in reader.blocks]
        return Response(
            {"id": str(pk), "title": reader.document.title, "text": reader.text, "blocks": blocks}
        )


class DocumentRetryView(APIView):
    """Reading a failed document again."""

    @extend_schema(request=None, responses={202: serializers.DocumentSerializer})
    def post(self, request: Request, pk: UUID) -> Response:
        """Queue the document again."""
        document = selectors.document_get(_user(request), pk)
        services.retry_document(user=_user(request), document=document)
        document.refresh_from_db()
        return Response(serializers.DocumentSerializer(document).data, status.HTTP_202_ACCEPTED)


class SearchView(APIView):
    """Passages without an answer."""

    required_scope = "read"

    @extend_schema(request=serializers.SearchSerializer, responses=serializers.SearchResultSerializer)
    def post(self, request: Request) -> Response:
        """Search the documents that the caller may read."""
        body = serializers.SearchSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values, clock = body.validated_data, Stopwatch()
        scope = permissions.scope(_user(request), _collection(request, values.get("collection")))
        view = library().view()
        clock.lap("prepare")
        found = find(
            values["query"],
            view=view,
            scope=scope,
            top_k=values.get("top_k") or settings.RAG_TOP_K,
            language=values.get("language") or None,
            clock=clock,
        )
        results = [passage_json(passage) for passage in found.passages]
        return Response({"results": results, "incomplete": found.incomplete, "timings": clock.laps})


class QueryView(APIView):
    """Questions and their answers."""

    required_scope = "read"
    renderer_classes = (renderers.JSONRenderer, EventStreamRenderer)

    @extend_schema(
        request=serializers.QuerySerializer,
        responses={
            (200, "application/json"): serializers.AnswerSerializer,
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR, "Events `sources`, `token`…, `done` (the whole answer), or `error`."
            ),
        },
        parameters=[
            OpenApiParameter(
                "Accept", str, OpenApiParameter.HEADER, enum=["application/json", "text/event-stream"]
            )
        ],
    )
    def post(self, request: Request) -> HttpResponseBase:
        """Answer a question with citations, or say honestly that the documents do not."""
        asked = self._asked(request)
        if request.accepted_renderer.media_type != EventStreamRenderer.media_type:
            return Response(answer(asked).result)

        def events(cancel: Cancellation) -> Iterator[Event]:
            return ask(asked, cancel)

        return StreamingHttpResponse(
            event_stream(events, self._problem),
            content_type="text/event-stream; charset=utf-8",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    def _asked(self, request: Request) -> AskRequest:
        body = serializers.QuerySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        values = body.validated_data
        conversation: Conversation | None = None
        if values.get("conversation"):
            conversation = selectors.conversation_get(_user(request), values["conversation"])
        return AskRequest(
            user=_user(request),
            question=values["question"],
            top_k=values.get("top_k"),
            collection=_collection(request, values.get("collection")),
            conversation=conversation,
            language=values.get("language") or "",
        ).checked()

    def _problem(self, error: Exception) -> dict[str, Any]:
        response = self.settings.EXCEPTION_HANDLER(error, self.get_exception_handler_context())
        return dict(response.data)


class FeedbackView(APIView):
    """What the asker thinks of an answer."""

    required_scope = "read"

    @extend_schema(request=serializers.FeedbackSerializer, responses=serializers.FeedbackSerializer)
    def post(self, request: Request, pk: UUID) -> Response:
        """Give feedback; giving it again replaces it."""
        question = selectors.question_get(_user(request), pk)
        body = serializers.FeedbackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        feedback = services.give_feedback(user=_user(request), question=question, **body.validated_data)
        return Response({"helpful": feedback.helpful, "comment": feedback.comment})


class CollectionsView(generics.ListAPIView[Collection]):
    """The collections that the caller may read, by name, with whether they may add documents to them."""

    serializer_class = serializers.CollectionSerializer

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return Collection.objects.none()
        return permissions.readable(_user(self.request))

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        if not getattr(self, "swagger_fake_view", False):
            shelves = selectors.collections_writable(_user(self.request))
            context["writable"] = {each.pk for each in shelves}
        return context
