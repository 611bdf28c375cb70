"""Rows of the library (collections, documents, chunks, vectors) and of the conversations held with it.

Nothing here relies on ``atomic()``: on MongoDB it does nothing. Correctness comes from unique constraints and
from conditional updates whose row count is checked; ``rag.ingest.repair`` completes what a crash interrupted.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class UuidModel(models.Model):
    """Base with the key that is the same on both databases."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True


class Collection(UuidModel):
    """A shelf of documents with one reading permission."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.TextField(_("description"), blank=True)
    everyone = models.BooleanField(
        _("readable by everyone"), default=False, help_text=_("Every signed-in user may read it.")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="private_collections",
        verbose_name=_("owner"),
        help_text=_("A private collection: its owner reads and writes it."),
    )
    groups: models.ManyToManyField[Any, Any] = models.ManyToManyField(
        "auth.Group", through="CollectionReader", blank=True, verbose_name=_("groups that may read")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("collection")
        verbose_name_plural = _("collections")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class CollectionReader(UuidModel):
    """A group that may read a collection."""

    collection = models.ForeignKey(Collection, models.CASCADE, related_name="readers")
    group = models.ForeignKey("auth.Group", models.CASCADE, verbose_name=_("group"))

    class Meta:
        verbose_name = _("reading group")
        verbose_name_plural = _("reading groups")
        constraints = [models.UniqueConstraint(fields=("collection", "group"), name="one_reader_per_group")]

    def __str__(self) -> str:
        return f"{self.collection_id}: {self.group_id}"


class DocumentStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    PROCESSING = "processing", _("processing")
    READY = "ready", _("ready")
    FAILED = "failed", _("failed")


class SourceKind(models.TextChoices):
    UPLOAD = "upload", _("uploaded file")
    TEXT = "text", _("pasted text")
    FOLDER = "folder", _("folder")
    URL = "url", _("web address")


class Document(UuidModel):
    """A document as its reader knows it; its content at a time is a ``DocumentVersion``.

    The row is also its own place in the queue: ``queued`` rows are claimed by a worker with a conditional update.
    """

    collection = models.ForeignKey(
        Collection, models.CASCADE, related_name="documents", verbose_name=_("collection")
    )
    title = models.CharField(_("title"), max_length=300)
    given_title = models.CharField(max_length=300, blank=True, default="", editable=False)
    language = models.CharField(_("language"), max_length=8, blank=True, default="")
    given_language = models.CharField(max_length=8, blank=True, default="", editable=False)
    source_kind = models.CharField(
        _("source"), max_length=10, choices=SourceKind, default=SourceKind.UPLOAD, editable=False
    )
    source_key = models.CharField(max_length=1000, blank=True, default="", editable=False)
    source_url = models.CharField(_("web address"), max_length=2000, blank=True, default="")
    filename = models.CharField(_("file name"), max_length=255, blank=True, default="", editable=False)
    media_type = models.CharField(max_length=150, blank=True, default="", editable=False)
    size = models.BigIntegerField(_("size in bytes"), default=0, editable=False)
    content_hash = models.CharField(max_length=64, editable=False)
    status = models.CharField(
        _("state"),
        max_length=12,
        choices=DocumentStatus,
        default=DocumentStatus.QUEUED,
        db_index=True,
        editable=False,
    )
    error_code = models.CharField(max_length=50, blank=True, default="", editable=False)
    error_params = models.JSONField(default=dict, blank=True, editable=False)
    progress = models.PositiveSmallIntegerField(_("progress in %"), default=0, editable=False)
    active_version = models.ForeignKey(
        "DocumentVersion", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    pending_version = models.ForeignKey(
        "DocumentVersion", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    """Read and cut into chunks, waiting for its vectors."""
    announced_version = models.UUIDField(null=True, blank=True, editable=False)
    """What the last ``CorpusChange`` of this document told the indexes."""
    chunk_count = models.PositiveIntegerField(_("chunks"), default=0, editable=False)
    claimed_by = models.CharField(max_length=100, blank=True, default="", editable=False)
    claimed_until = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("added by"),
    )
    created_at = models.DateTimeField(_("added"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(fields=("collection", "content_hash"), name="one_document_per_content"),
            models.UniqueConstraint(
                fields=("collection", "source_kind", "source_key"),
                condition=models.Q(source_key__gt=""),  # MongoDB's partial indexes know no "not equal"
                name="one_document_per_source",
            ),
        ]
        indexes = [
            models.Index(fields=("status", "created_at"), name="document_queue"),
            models.Index(fields=("collection", "source_key"), name="document_source"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def error_message(self) -> str:
        """Why the last attempt to take the document in failed, in the reader's language; "" where it did not."""
        from rag.messages import explain

        return explain(self.error_code, self.error_params) if self.error_code else ""

    @property
    def in_work(self) -> bool:
        """Whether a worker still has something to do for it."""
        return self.status in (DocumentStatus.QUEUED, DocumentStatus.PROCESSING)


class DocumentVersion(UuidModel):
    """The text of a document at a time; it answers only while its document's ``active_version`` names it."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="versions")
    content_hash = models.CharField(max_length=64)
    text = models.TextField()
    blocks = models.JSONField(default=list)
    """List of [kind, start, end, level, page]."""
    pages = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("document version")
        verbose_name_plural = _("document versions")

    def __str__(self) -> str:
        return f"{self.document_id} {self.content_hash[:8]}"


class Chunk(UuidModel):
    """A passage: ``text == version.text[start:end]``. Title, language and collection follow the document."""

    version = models.ForeignKey(DocumentVersion, models.CASCADE, related_name="chunks")
    document = models.ForeignKey(Document, models.CASCADE, related_name="chunks")
    ordinal = models.PositiveIntegerField()
    text = models.TextField()
    heading = models.CharField(max_length=1000, blank=True, default="")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    page = models.PositiveIntegerField(null=True, blank=True)
    kind = models.CharField(max_length=12)
    tokens = models.PositiveIntegerField()
    text_hash = models.CharField(max_length=64, db_index=True)
    """SHA-256 of what the embedder is given (``rag.retrieval.embedding_text``); the key of its vectors."""

    class Meta:
        verbose_name = _("chunk")
        verbose_name_plural = _("chunks")
        ordering = ("document", "ordinal")
        constraints = [models.UniqueConstraint(fields=("version", "ordinal"), name="one_chunk_per_place")]

    def __str__(self) -> str:
        return f"{self.document_id} #{self.ordinal}"


class StoredVector(UuidModel):
    """The vector of a text under one model: both the source of the index and a cache by text hash."""

    model = models.CharField(max_length=100)
    text_hash = models.CharField(max_length=64)
    dimension = models.PositiveIntegerField()
    data = models.BinaryField()
    """``dimension`` little-endian float32, L2-normalised."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=("model", "text_hash"), name="one_vector_per_text")]

    def __str__(self) -> str:
        return f"{self.model} {self.text_hash[:8]}"


class CorpusChange(UuidModel):
    """One step of the corpus; the greatest ``sequence`` is the corpus version that indexes and caches go by."""

    sequence = models.BigIntegerField(unique=True)
    document = models.UUIDField(null=True)
    """The document to read again; None: everything (the embedding model changed)."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("sequence",)

    def __str__(self) -> str:
        return str(self.sequence)


class CorpusState(models.Model):
    """The one row that says which embedding model answers."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    model = models.CharField(max_length=100, blank=True, default="")
    dimension = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.model


class Conversation(UuidModel):
    """Questions of one user that follow one another."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        ordering = ("-updated_at",)
        indexes = [models.Index(fields=("user", "updated_at"), name="conversation_history")]

    def __str__(self) -> str:
        return self.title


class AnswerMode(models.TextChoices):
    EXTRACTIVE = "extractive", _("quotes")
    GENERATIVE = "generative", _("written")


class Question(UuidModel):
    """A question with the answer that was given."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="questions")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="questions", verbose_name=_("user")
    )
    text = models.TextField(_("question"))
    language = models.CharField(_("language"), max_length=8, blank=True, default="")
    collection = models.ForeignKey(
        Collection, models.SET_NULL, null=True, blank=True, verbose_name=_("collection")
    )
    answer = models.TextField(_("answer"), blank=True, default="")
    answerable = models.BooleanField(_("answered"), default=False, db_index=True)
    confidence = models.FloatField(_("confidence"), default=0.0)
    mode = models.CharField(_("mode"), max_length=12, choices=AnswerMode, default=AnswerMode.EXTRACTIVE)
    model = models.CharField(_("model"), max_length=100, blank=True, default="")
    cached = models.BooleanField(_("from the cache"), default=False)
    result = models.JSONField(default=dict)
    """The whole answer as the API gives it: citations, sentences, nearest documents, timings."""
    created_at = models.DateTimeField(_("asked"), auto_now_add=True)

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ("-created_at",)
        indexes = [models.Index(fields=("conversation", "created_at"), name="conversation_order")]

    def __str__(self) -> str:
        return self.text[:80]


class Feedback(UuidModel):
    """What the asker thought of an answer."""

    question = models.OneToOneField(Question, models.CASCADE, related_name="feedback")
    helpful = models.BooleanField(_("helpful"))
    comment = models.TextField(_("comment"), blank=True, default="")
    created_at = models.DateTimeField(_("given"), auto_now_add=True)

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.question_id}: {self.helpful}"


class EvaluationCase(UuidModel):
    """A question with the document that should answer it, for ``manage.py evaluate --library``."""

    question = models.TextField(_("question"))
    language = models.CharField(_("language"), max_length=8, blank=True, default="")
    document = models.ForeignKey(
        Document, models.SET_NULL, null=True, blank=True, verbose_name=_("document that should answer")
    )
    answerable = models.BooleanField(_("should be answered"), default=True)
    note = models.TextField(_("note"), blank=True, default="")
    origin = models.OneToOneField(
        Question, models.SET_NULL, null=True, blank=True, related_name="evaluation_case", editable=False
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("test case")
        verbose_name_plural = _("test cases")
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.question[:80]
