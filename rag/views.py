"""Pages around questions: ask, conversation, one answer, feedback, history."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rag import exchanges, selectors, services
from rag.ask import AskRequest, answer
from rag.errors import Forbidden, NotFound, RagError
from rag.forms import FeedbackForm, QuestionForm
from rag.models import Conversation, Question
from rag.page_views import confirm, is_fragment, page, user_of
from rag.suggestions import suggestions

NIL = UUID(int=0)
CONVERSATIONS_PER_PAGE = 30


@require_http_methods(["GET", "HEAD", "POST"])
@page
def ask_page(request: HttpRequest) -> HttpResponse:
    """Show the question box; answer a question sent without a script."""
    if request.method != "POST":
        return _ask_page(request, QuestionForm(user=user_of(request)))
    form = QuestionForm(request.POST, user=user_of(request))
    conversation = None
    if form.is_valid():
        if pk := form.cleaned_data["conversation"]:
            conversation = selectors.conversation_get(user_of(request), pk)
        try:
            question = _answered(request, form, conversation)
        except (NotFound, Forbidden):
            raise
        except RagError as error:
            form.refuse(error)
        else:
            return redirect(_place(question))
    return _ask_page(request, form, conversation, status=400)


@require_safe
@page
def conversation_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a conversation with a box for the next question."""
    conversation = selectors.conversation_get(user_of(request), pk)
    return _ask_page(request, QuestionForm(user=user_of(request)), conversation)


@require_safe
@page
def question_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one answer as a fragment; without a script, its place in the conversation."""
    question = selectors.question_get(user_of(request), pk)
    if not is_fragment(request):
        return redirect(_place(question))
    [exchange] = exchanges.exchanges(user_of(request), [question])
    return render(request, "rag/_exchange.html", {"exchange": exchange})


@require_POST
@page
def question_feedback(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep what the asker thinks of an answer."""
    question = selectors.question_get(user_of(request), pk)
    form = FeedbackForm(request.POST)
    if form.is_valid():
        helpful, comment = form.cleaned_data["helpful"] == "yes", form.cleaned_data["comment"]
        services.give_feedback(user=user_of(request), question=question, helpful=helpful, comment=comment)
    if not is_fragment(request):
        return redirect(_place(question))
    [exchange] = exchanges.exchanges(
        user_of(request), [selectors.question_get(user_of(request), question.pk)]
    )
    return render(request, "rag/_feedback.html", {"exchange": exchange})


@require_safe
@page
def history_page(request: HttpRequest) -> HttpResponse:
    """List the user's conversations."""
    search = request.GET.get("search", "").strip()[:200]
    found = selectors.conversation_list(user_of(request), search=search)
    listed = Paginator(found, CONVERSATIONS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "rag/history.html", {"page": listed, "search": search})


@require_http_methods(["GET", "HEAD", "POST"])
@page
def conversation_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a conversation once that is confirmed."""
    conversation = selectors.conversation_get(user_of(request), pk)
    if request.method == "POST":
        services.delete_conversation(user=user_of(request), conversation=conversation)
        messages.success(request, _("The conversation was deleted."))
        return redirect("history")
    return confirm(
        request,
        title=_("Delete this conversation?"),
        text=_("“%(title)s”, its answers and your feedback are removed for good. Documents stay.")
        % {"title": conversation.title},
        verb=_("Delete"),
        back=reverse("history"),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page
def history_delete(request: HttpRequest) -> HttpResponse:
    """Delete all conversations of the user once that is confirmed."""
    if request.method == "POST":
        count = services.delete_history(user=user_of(request))
        text = ngettext("%(count)s conversation was deleted.", "%(count)s conversations were deleted.", count)
        messages.success(request, text % {"count": count})
        return redirect("history")
    return confirm(
        request,
        title=_("Delete your whole history?"),
        text=_("All your questions, their answers and your feedback are removed for good. Documents stay."),
        verb=_("Delete all"),
        back=reverse("history"),
    )


def _answered(request: HttpRequest, form: QuestionForm, conversation: Conversation | None) -> Question:
    return answer(
        AskRequest(
            user=user_of(request),
            question=form.cleaned_data["question"],
            collection=form.cleaned_data["collection"],
            conversation=conversation,
        )
    )


def _place(question: Question) -> str:
    return reverse("conversation", args=[question.conversation_id]) + f"#q-{question.pk}"


def _ask_page(
    request: HttpRequest, form: QuestionForm, conversation: Conversation | None = None, *, status: int = 200
) -> HttpResponse:
    user = user_of(request)
    context = {
        "form": form,
        "conversation": conversation,
        "exchanges": exchanges.thread(user, conversation) if conversation else (),
        "collections": selectors.collections_readable(user),
        "status": selectors.library_status(user),
        "suggestions": [] if conversation else suggestions(user),
        "nil": NIL,
    }
    return render(request, "rag/ask.html", context, status=status)
