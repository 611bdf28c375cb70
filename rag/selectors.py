"""Reading for pages, API and commands. What a user may not read does not exist for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from rag import permissions
from rag.embedding import active_model
from rag.errors import NotFound
from rag.models import Chunk, Collection, Conversation, Document, DocumentStatus, Question
from rag.typing import User
from rag.values import Block, BlockKind


@dataclass(frozen=True, slots=True)
class ReaderDocument:
    """A document with the text that its quotes stand in."""

    document: Document
    text: str
    blocks: tuple[Block, ...]
    pages: int | None


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """What the user's part of the library holds."""

    documents: int
    ready: int
    in_work: int
    failed: int
    chunks: int
    embedder: str


def collections_readable(user: User) -> list[Collection]:
    """Return the collections that the user may read, by name."""
    return list(permissions.readable(user))


def collections_writable(user: User) -> list[Collection]:
    """Return the collections that the user may add documents to."""
    return [each for each in permissions.readable(user) if permissions.may_write(user, each)]


def document_list(
    user: User, *, collection: Collection | None = None, status: str = "", search: str = ""
) -> QuerySet[Document]:
    """Return the user's documents, newest first, with their collections."""
    found = Document.objects.filter(
        collection_id__in=list(permissions.scope(user, collection)), deleted_at__isnull=True
    )
    if status:
        found = found.filter(status=status)
    if search:
        found = found.filter(Q(title__icontains=search) | Q(filename__icontains=search))
    return found.select_related("collection").order_by("-created_at")


def document_get(user: User, pk: UUID | str) -> Document:
    """Return a document that the user may read; raises ``NotFound``."""
    try:
        document = document_list(user).filter(pk=UUID(str(pk))).first()
    except ValueError:
        document = None
    if document is None:
        raise NotFound
    return document


def document_reader(user: User, pk: UUID | str) -> ReaderDocument:
    """Return a document with its text and blocks; both are empty until it has been read."""
    document = document_get(user, pk)
    version = document.active_version
    if version is None:
        return ReaderDocument(document, "", (), None)
    blocks = tuple(Block(BlockKind(kind), *rest) for kind, *rest in version.blocks)
    return ReaderDocument(document, version.text, blocks, version.pages)


def conversation_list(user: User, *, search: str = "") -> QuerySet[Conversation]:
    """Return the user's conversations, latest first; ``search`` looks into questions and answers."""
    found = Conversation.objects.filter(user=user).annotate(length=Count("questions"))
    if search:
        matches = Question.objects.filter(user=user).filter(
            Q(text__icontains=search) | Q(answer__icontains=search)
        )
        found = found.filter(pk__in=list(matches.values_list("conversation_id", flat=True)))
    return found.order_by("-updated_at")


def conversation_get(user: User, pk: UUID | str) -> Conversation:
    """Return one of the user's conversations; raises ``NotFound``."""
    try:
        conversation = Conversation.objects.filter(user=user, pk=UUID(str(pk))).first()
    except ValueError:
        conversation = None
    if conversation is None:
        raise NotFound(field="conversation")
    return conversation


def question_get(user: User, pk: UUID | str) -> Question:
    """Return one of the user's questions with its feedback; raises ``NotFound``."""
    try:
        question = Question.objects.filter(user=user, pk=UUID(str(pk))).first()
    except ValueError:
        question = None
    if question is None:
        raise NotFound
    return question


def library_status(user: User) -> LibraryStatus:
    """Return how many documents and chunks the user can search, and how far the work on them is."""
    documents = document_list(user).order_by()
    counts = {row["status"]: row["n"] for row in documents.values("status").annotate(n=Count("pk"))}
    return LibraryStatus(
        documents=sum(counts.values()),
        ready=counts.get(DocumentStatus.READY, 0),
        in_work=counts.get(DocumentStatus.QUEUED, 0) + counts.get(DocumentStatus.PROCESSING, 0),
        failed=counts.get(DocumentStatus.FAILED, 0),
        chunks=documents.aggregate(n=Sum("chunk_count"))["n"] or 0,
        embedder=active_model(),
    )


def live_documents(user_scope: frozenset[UUID], cited: Mapping[str, str]) -> bool:
    """Return whether all cited chunks (chunk -> document, in hex) still answer within the scope."""
    if not cited:
        return True
    rows = Chunk.objects.filter(pk__in=[UUID(chunk) for chunk in cited]).values_list(
        "pk", "version_id", "document__active_version_id", "document__deleted_at", "document__collection_id"
    )
    alive = {
        pk
        for pk, version, active, deleted, collection in rows
        if version == active and deleted is None and collection in user_scope
    }
    return alive.issuperset(UUID(chunk) for chunk in cited)
