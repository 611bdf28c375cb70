"""The library and its history for staff."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from rag import services
from rag.models import (
    Collection,
    CollectionReader,
    Conversation,
    Document,
    EvaluationCase,
    Feedback,
    Question,
)


class ReaderInline(admin.TabularInline):
    model = CollectionReader
    extra = 1


@admin.register(Collection)
class CollectionAdmin(admin.ModelAdmin):
    list_display = ("name", "everyone", "owner", "created_at")
    list_filter = ("everyone",)
    search_fields = ("name", "description")
    inlines = (ReaderInline,)

    def delete_model(self, request: HttpRequest, obj: Collection) -> None:
        services.delete_collection(user=request.user, collection=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Collection]) -> None:
        for collection in queryset:
            services.delete_collection(user=request.user, collection=collection)


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    """Documents are added on their page; here they are looked after."""

    list_display = ("title", "collection", "status", "progress", "chunk_count", "language", "created_at")
    list_filter = ("status", "language", "source_kind", "collection")
    search_fields = ("title", "filename", "source_url")
    list_select_related = ("collection",)
    readonly_fields = (
        "collection",
        "title",
        "language",
        "status",
        "progress",
        "error_message",
        "chunk_count",
        "source_kind",
        "source_url",
        "filename",
        "size",
        "content_hash",
        "created_by",
        "created_at",
        "updated_at",
    )
    fields = readonly_fields
    actions = ("read_again",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description=_("Read again"), permissions=["change"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            services.retry_document(user=request.user, document=document)
        self.message_user(request, _("The documents are queued."), messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        services.delete_document(user=request.user, document=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            services.delete_document(user=request.user, document=document)


class VerdictFilter(admin.SimpleListFilter):
    """What the asker thought of the answer."""

    title = _("feedback")
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("helpful", _("helpful")), ("unhelpful", _("not helpful")), ("none", _("none"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Question]) -> QuerySet[Question]:
        if self.value() == "none":
            return queryset.filter(feedback__isnull=True)
        if self.value():
            return queryset.filter(feedback__helpful=self.value() == "helpful")
        return queryset


@admin.register(Question)
class QuestionAdmin(admin.ModelAdmin):
    """What was asked; filtered by "answered: no" it is the list of what to write next."""

    list_display = ("text", "answerable", "confidence", "verdict", "language", "mode", "user", "created_at")
    list_filter = ("answerable", VerdictFilter, "language", "mode", "cached", "created_at")
    search_fields = ("text", "answer")
    list_select_related = ("user", "feedback")
    readonly_fields = (
        "text",
        "answer",
        "answerable",
        "confidence",
        "verdict",
        "comment",
        "language",
        "mode",
        "model",
        "cached",
        "user",
        "collection",
        "created_at",
    )
    fields = readonly_fields
    actions = ("make_test_case",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description=_("helpful"), boolean=True)
    def verdict(self, question: Question) -> bool | None:
        feedback = getattr(question, "feedback", None)
        return feedback.helpful if feedback else None

    @admin.display(description=_("comment"))
    def comment(self, question: Question) -> str:
        feedback = getattr(question, "feedback", None)
        return feedback.comment if feedback else ""

    @admin.action(description=_("Make a test case"))
    def make_test_case(self, request: HttpRequest, queryset: QuerySet[Question]) -> None:
        made = [services.make_evaluation_case(user=request.user, question=each) for each in queryset]
        text = ngettext("%(n)s test case was made.", "%(n)s test cases were made.", len(made))
        self.message_user(request, text % {"n": len(made)}, messages.SUCCESS)


@admin.register(Feedback)
class FeedbackAdmin(admin.ModelAdmin):
    list_display = ("question", "helpful", "comment", "created_at")
    list_filter = ("helpful", "created_at")
    search_fields = ("comment", "question__text")
    list_select_related = ("question",)
    readonly_fields = ("question", "helpful", "comment", "created_at")
    actions = ("make_test_case",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description=_("Make a test case"))
    def make_test_case(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> None:
        for feedback in queryset.select_related("question"):
            services.make_evaluation_case(user=request.user, question=feedback.question)
        self.message_user(request, _("The test cases were made."), messages.SUCCESS)


@admin.register(EvaluationCase)
class EvaluationCaseAdmin(admin.ModelAdmin):
    list_display = ("question", "document", "answerable", "language", "created_at")
    list_filter = ("answerable", "language")
    search_fields = ("question", "note")
    list_select_related = ("document",)
    autocomplete_fields = ("document",)


@admin.register(Conversation)
class ConversationAdmin(admin.ModelAdmin):
    list_display = ("title", "user", "created_at", "updated_at")
    search_fields = ("title",)
    list_select_related = ("user",)
    readonly_fields = ("title", "user", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
