"""Shapes of the API's bodies; no rule of the library lives here."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from rag.models import Collection, Document, DocumentStatus


class DocumentSerializer(serializers.ModelSerializer[Document]):
    """A document as the API shows it."""

    error = serializers.CharField(
        source="error_message", help_text="Why it failed, in the caller's language."
    )
    collection = serializers.CharField(source="collection.name")
    pages = serializers.IntegerField(source="active_version.pages", default=None, allow_null=True)

    class Meta:
        model = Document
        fields = (
            "id",
            "title",
            "status",
            "progress",
            "error",
            "error_code",
            "chunk_count",
            "language",
            "collection",
            "source_kind",
            "source_url",
            "filename",
            "size",
            "content_hash",
            "pages",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class DocumentTextSerializer(serializers.Serializer[dict[str, Any]]):
    """A document given as text."""

    title = serializers.CharField(max_length=300)
    text = serializers.CharField(trim_whitespace=False)
    source_url = serializers.URLField(max_length=2000, required=False, default="", allow_blank=True)
    collection = serializers.CharField(required=False, help_text="Id or name of a collection.")
    language = serializers.ChoiceField(["fr", "en"], required=False, default="", allow_blank=True)


class DocumentFileSerializer(serializers.Serializer[dict[str, Any]]):
    """A document given as a file."""

    file = serializers.FileField(allow_empty_file=False)
    title = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    collection = serializers.CharField(required=False, help_text="Id or name of a collection.")
    language = serializers.ChoiceField(["fr", "en"], required=False, default="", allow_blank=True)


class DocumentContentSerializer(serializers.Serializer[dict[str, Any]]):
    """New content of a document."""

    file = serializers.FileField(allow_empty_file=False)


class DocumentUrlSerializer(serializers.Serializer[dict[str, Any]]):
    """A document to fetch."""

    url = serializers.CharField(max_length=2000)
    collection = serializers.CharField(required=False)


class DocumentFilterSerializer(serializers.Serializer[dict[str, Any]]):
    """Filters of the document list."""

    status = serializers.ChoiceField(DocumentStatus.choices, required=False)
    collection = serializers.CharField(required=False)
    search = serializers.CharField(required=False)


class StoredTextSerializer(serializers.Serializer[dict[str, Any]]):
    """The text of a document; ``blocks`` are [kind, start, end, level, page]."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    text = serializers.CharField()
    blocks = serializers.ListField(child=serializers.ListField())


class SearchSerializer(serializers.Serializer[dict[str, Any]]):
    """A search without an answer."""

    query = serializers.CharField(max_length=2000)
    top_k = serializers.IntegerField(min_value=1, max_value=50, required=False)
    collection = serializers.CharField(required=False, allow_null=True)
    language = serializers.ChoiceField(["fr", "en"], required=False, allow_null=True)


class QuerySerializer(serializers.Serializer[dict[str, Any]]):
    """A question."""

    question = serializers.CharField(max_length=2000)
    top_k = serializers.IntegerField(min_value=1, max_value=50, required=False, allow_null=True)
    collection = serializers.CharField(required=False, allow_null=True)
    conversation = serializers.UUIDField(required=False, allow_null=True)
    language = serializers.ChoiceField(["fr", "en"], required=False, allow_null=True)


class WhySerializer(serializers.Serializer[dict[str, Any]]):
    """Why a passage was found; null where a retriever did not find it."""

    lexical_rank = serializers.IntegerField(allow_null=True)
    lexical_score = serializers.FloatField(allow_null=True)
    vector_rank = serializers.IntegerField(allow_null=True)
    vector_score = serializers.FloatField(allow_null=True)


class PassageSerializer(serializers.Serializer[dict[str, Any]]):
    """A passage: ``text`` is the document's text from ``start`` to ``end``."""

    document = serializers.UUIDField()
    title = serializers.CharField()
    chunk = serializers.UUIDField()
    text = serializers.CharField()
    heading = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    page = serializers.IntegerField(allow_null=True)
    language = serializers.CharField()
    score = serializers.FloatField()
    why = WhySerializer()


class SearchResultSerializer(serializers.Serializer[dict[str, Any]]):
    """Passages, best first."""

    results = PassageSerializer(many=True)
    incomplete = serializers.BooleanField(help_text="Some vectors are still missing: words counted more.")
    timings = serializers.DictField(child=serializers.FloatField())


class CitationSerializer(serializers.Serializer[dict[str, Any]]):
    """``quote`` stands word for word in the document's text from ``start`` to ``end``."""

    n = serializers.IntegerField()
    document = serializers.UUIDField()
    title = serializers.CharField()
    chunk = serializers.UUIDField()
    quote = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    page = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField()


class SentenceSerializer(serializers.Serializer[dict[str, Any]]):
    """A sentence of the answer; no citations = nothing supports it."""

    text = serializers.CharField()
    citations = serializers.ListField(child=serializers.IntegerField())


class AnswerSerializer(serializers.Serializer[dict[str, Any]]):
    """A whole answer."""

    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    answer = serializers.CharField(help_text="Refers to its citations as [1].")
    answerable = serializers.BooleanField()
    confidence = serializers.FloatField()
    citations = CitationSerializer(many=True)
    sentences = SentenceSerializer(many=True)
    passages = PassageSerializer(many=True)
    nearest = PassageSerializer(many=True)
    mode = serializers.ChoiceField(["extractive", "generative"])
    model = serializers.CharField()
    cached = serializers.BooleanField()
    language = serializers.CharField()
    notice = serializers.CharField()
    notice_detail = serializers.CharField(help_text="Why, as a sentence in the caller's language.")
    signals = serializers.DictField(child=serializers.FloatField())
    timings = serializers.DictField(child=serializers.FloatField(), help_text="Milliseconds by step.")


class FeedbackSerializer(serializers.Serializer[dict[str, Any]]):
    """What the asker thinks of an answer."""

    helpful = serializers.BooleanField()
    comment = serializers.CharField(max_length=2000, required=False, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "helpful" not in self.initial_data:
            raise serializers.ValidationError({"helpful": _("This field is required.")})
        return attrs


class CollectionSerializer(serializers.ModelSerializer[Collection]):
    """A collection that the caller may read."""

    writable = serializers.SerializerMethodField()

    class Meta:
        model = Collection
        fields = ("id", "name", "description", "everyone", "writable")
        read_only_fields = fields

    def get_writable(self, collection: Collection) -> bool:
        """Return whether the caller may add documents to it."""
        return collection.pk in self.context["writable"]
