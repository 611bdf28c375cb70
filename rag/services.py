"""Everything that changes the library or the history, for page, API and command alike."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from rag import permissions, storage
from rag.errors import Conflict, Forbidden, NotFound, RagError
from rag.ingest import queue
from rag.ingest.repair import purge
from rag.messages import explain_outbound
from rag.models import (
    Collection,
    Conversation,
    Document,
    DocumentStatus,
    EvaluationCase,
    Feedback,
    Question,
    SourceKind,
)
from rag.storage import Stored
from rag.typing import User
from resilience.addresses import AddressPolicy
from resilience.http import Fetched, OutboundError, fetch

log = structlog.get_logger(__name__)

SUBMIT_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Submitted:
    """A document that was handed in; ``created`` is False when its content was there already."""

    document: Document
    created: bool


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a content comes from and how it wants to be called."""

    kind: SourceKind
    filename: str
    media_type: str = ""
    key: str = ""
    url: str = ""
    title: str = ""
    language: str = ""


def submit_file(
    *,
    user: User,
    file: BinaryIO,
    filename: str,
    media_type: str = "",
    collection: Collection | None = None,
    title: str = "",
    language: str = "",
) -> Submitted:
    """Return the document of an uploaded file, queued for reading; the file is on disk before this returns."""
    shelf = _shelf(user, collection)
    origin = Origin(SourceKind.UPLOAD, _clean_name(filename), media_type, title=title, language=language)
    return _submit(user, shelf, storage.store(file), origin)


def submit_text(
    *,
    user: User,
    title: str,
    text: str,
    source_url: str = "",
    collection: Collection | None = None,
    language: str = "",
) -> Submitted:
    """Return the document of a pasted text (Markdown or plain). The same ``source_url`` again is a new version."""
    if not text.strip():
        raise RagError(_("The text is empty."), field="text", code="empty")
    if not title.strip():
        raise RagError(_("A title is needed."), field="title", code="required")
    shelf = _shelf(user, collection)
    stored = storage.store(io.BytesIO(text.encode()))
    origin = Origin(
        SourceKind.TEXT,
        "text.md",
        "text/markdown",
        key=source_url,
        url=source_url,
        title=title.strip(),
        language=language,
    )
    return _submit(user, shelf, stored, origin)


def submit_url(*, user: User, url: str, collection: Collection | None = None) -> Submitted:
    """Return the document of a web page or file, fetched now; the same address again is a new version."""
    shelf = _shelf(user, collection)
    try:
        answer = fetch(
            url,
            policy=AddressPolicy(allow=tuple(settings.WEBHOOK_ALLOW)),
            timeout=settings.RAG_FETCH_SECONDS,
            max_bytes=settings.RAG_MAX_FILE_MB * 2**20,
        )
    except OutboundError as error:
        raise RagError(explain_outbound(error.code, error.params), field="url", code=error.code) from error
    media_type = answer.content_type.split(";")[0].strip().lower()
    origin = Origin(SourceKind.URL, _name_of(answer, media_type), media_type, key=url, url=url)
    return _submit(user, shelf, storage.store(io.BytesIO(answer.body)), origin)


def submit_path(*, user: User, file: BinaryIO, key: str, collection: Collection | None = None) -> Submitted:
    """Return the document of a file in a folder; the same path with other content is a new version."""
    origin = Origin(SourceKind.FOLDER, _clean_name(key), key=key)
    return _submit(user, _shelf(user, collection), storage.store(file), origin)


def replace_document(
    *, user: User, document: Document, file: BinaryIO, filename: str, media_type: str = ""
) -> Document:
    """Queue a new version; the old one answers until the new one is complete."""
    permissions.require_write(user, document, "change")
    origin = Origin(SourceKind(document.source_kind), _clean_name(filename), media_type)
    return _new_version(document, storage.store(file), origin)


def retry_document(*, user: User, document: Document) -> None:
    """Queue a document again whose reading failed."""
    permissions.require_write(user, document, "change")
    _requeue(document)


def delete_document(*, user: User, document: Document) -> None:
    """Remove a document. From the next question on it is neither found nor quoted, cached answers included."""
    permissions.require_write(user, document, "delete")
    if _mark_and_purge(document):
        log.info("document_deleted", document=str(document.pk), user=str(user.pk))


def _mark_and_purge(document: Document) -> bool:
    marked = Document.objects.filter(pk=document.pk, deleted_at__isnull=True).update(
        # Content and source are freed at once, so that both can be added again.
        deleted_at=timezone.now(),
        content_hash=f"deleted-{document.pk.hex}",
        source_key="",
    )
    if marked:
        purge(document)
    return bool(marked)


def delete_collection(*, user: User, collection: Collection) -> None:
    """Remove a collection with its documents, each of them told to the indexes."""
    if collection.owner_id != user.pk and not user.has_perm("rag.delete_collection"):
        raise Forbidden
    for document in Document.objects.filter(collection=collection):
        _mark_and_purge(document)
    collection.delete()


def give_feedback(*, user: User, question: Question, helpful: bool, comment: str = "") -> Feedback:
    """Return what the asker thinks of an answer; a second opinion replaces the first."""
    if question.user_id != user.pk:
        raise Forbidden
    values = {"helpful": helpful, "comment": comment.strip()[:2000]}
    return Feedback.objects.update_or_create(question=question, defaults=values)[0]


def delete_conversation(*, user: User, conversation: Conversation) -> None:
    """Remove a conversation with its questions and answers."""
    if conversation.user_id != user.pk:
        raise Forbidden
    conversation.delete()


def delete_history(*, user: User) -> int:
    """Return how many of the user's conversations were removed: all of them."""
    conversations = Conversation.objects.filter(user=user)
    count = conversations.count()
    conversations.delete()
    return count


def make_evaluation_case(*, user: User, question: Question) -> EvaluationCase:
    """Return a test case made of a question; the document it should find is filled in by its reader."""
    if not user.is_staff:
        raise Forbidden
    values = {"question": question.text, "language": question.language}
    return EvaluationCase.objects.get_or_create(origin=question, defaults=values)[0]


def _shelf(user: User, collection: Collection | None) -> Collection:
    if collection is None:
        return permissions.default_collection(user)
    if not permissions.may_write(user, collection):
        raise Forbidden(field="collection")
    return collection


def _submit(user: User, shelf: Collection, stored: Stored, origin: Origin) -> Submitted:
    """Return the document of a content; the unique constraints decide between equal ones that come at once."""
    for _attempt in range(SUBMIT_ATTEMPTS):
        try:
            return _submit_once(user, shelf, stored, origin)
        except IntegrityError:
            continue
    raise Conflict(_("This document is being changed at the same moment. Try again."), code="busy")


def _submit_once(user: User, shelf: Collection, stored: Stored, origin: Origin) -> Submitted:
    same = Document.objects.filter(
        collection=shelf, content_hash=stored.content_hash, deleted_at__isnull=True
    ).first()
    if same is not None:
        if same.status == DocumentStatus.FAILED:
            _requeue(same)
        _drop_outdated(user, shelf, origin, same)
        return Submitted(same, created=False)
    if origin.key and (earlier := _earlier(shelf, origin)):
        permissions.require_write(user, earlier, "change")
        return Submitted(_new_version(earlier, stored, origin), created=False)
    with transaction.atomic():
        document = Document.objects.create(
            collection=shelf,
            created_by=user,
            title=(origin.title or origin.filename)[:300],
            given_title=origin.title[:300],
            given_language=origin.language,
            language=origin.language,
            source_kind=origin.kind,
            source_key=origin.key[:1000],
            source_url=origin.url[:2000],
            filename=origin.filename,
            media_type=origin.media_type[:150],
            size=stored.size,
            content_hash=stored.content_hash,
        )
    log.info("document_queued", document=str(document.pk), kind=origin.kind, size=stored.size)
    return Submitted(document, created=True)


def _drop_outdated(user: User, shelf: Collection, origin: Origin, same: Document) -> None:
    """Delete what a source held before, now that it holds the content of another document."""
    earlier = _earlier(shelf, origin) if origin.key else None
    if earlier is not None and earlier.pk != same.pk and permissions.may_write(user, shelf, "delete"):
        _mark_and_purge(earlier)


def _earlier(shelf: Collection, origin: Origin) -> Document | None:
    return Document.objects.filter(
        collection=shelf, source_kind=origin.kind, source_key=origin.key[:1000], deleted_at__isnull=True
    ).first()


def _new_version(document: Document, stored: Stored, origin: Origin) -> Document:
    changes: dict[str, object] = {
        "content_hash": stored.content_hash,
        "size": stored.size,
        "filename": origin.filename,
        "media_type": origin.media_type[:150],
    }
    if origin.title:
        changes["given_title"] = origin.title[:300]
    try:
        with transaction.atomic():
            _requeue(document, **changes)
    except IntegrityError as error:
        raise Conflict(
            _("Another document of the collection holds the same content."), field="file", code="duplicate"
        ) from error
    document.refresh_from_db()
    return document


def _requeue(document: Document, **changes: object) -> None:
    """Put a document into the queue, whoever was at work on it: their claim, and so their result, is void.

    Raises ``NotFound`` when it was deleted meanwhile.
    """
    if not queue.requeue(document.pk, **changes):
        raise NotFound


def _clean_name(filename: str) -> str:
    name = PurePosixPath(filename.replace("\\", "/")).name
    return "".join(char for char in name if char.isprintable())[-255:] or "file"


def _name_of(answer: Fetched, media_type: str) -> str:
    name = _clean_name(unquote(urlsplit(answer.url).path) or urlsplit(answer.url).hostname or "page")
    endings = {"text/html": ".html", "application/pdf": ".pdf", "text/markdown": ".md", "text/plain": ".txt"}
    ending = endings.get(media_type, "")
    return name if not ending or name.lower().endswith(ending) else f"{name}{ending}"
