"""Pages around documents: list, adding, reading, replacing, deleting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rag import permissions, reading, selectors, services
from rag.errors import Forbidden, NotFound, RagError
from rag.forms import FILE_TYPES, RagForm, ReplaceForm, TextForm, UrlForm
from rag.models import Collection, DocumentStatus
from rag.page_views import confirm, is_fragment, page, user_of
from rag.services import Submitted

DOCUMENTS_PER_PAGE = 50
IN_WORK = (DocumentStatus.QUEUED, DocumentStatus.PROCESSING)


@require_safe
@page
def documents_page(request: HttpRequest) -> HttpResponse:
    """List the documents that the user may read, with how far the work on them is."""
    user, search = user_of(request), request.GET.get("search", "").strip()[:200]
    state = request.GET.get("status", "")
    state = state if state in DocumentStatus.values else ""
    collection = _collection(request, request.GET.get("collection", ""))
    found = selectors.document_list(user, collection=collection, status=state, search=search)
    listed = Paginator(found, DOCUMENTS_PER_PAGE).get_page(request.GET.get("page"))
    context = _rows(request, listed.object_list) | {
        "page": listed,
        "search": search,
        "state": state,
        "states": DocumentStatus.choices,
        "collection": collection,
        "collections": selectors.collections_readable(user),
        "max_bytes": _max_bytes(),
        "file_types": FILE_TYPES,
    }
    return render(request, "rag/documents.html", context)


@require_safe
@page
def documents_progress(request: HttpRequest) -> HttpResponse:
    """Return the rows of the documents asked for, as a fragment that says whether to ask again."""
    keys = [key for text in request.GET.getlist("ids")[:DOCUMENTS_PER_PAGE] if (key := _uuid(text))]
    found = selectors.document_list(user_of(request)).filter(pk__in=keys)
    return render(request, "rag/_progress.html", _rows(request, found))


@require_http_methods(["GET", "HEAD", "POST"])
@page
def document_upload(request: HttpRequest) -> HttpResponse:
    """Take files in. A script sends them one by one and is answered with the row or the reason."""
    if request.method != "POST":
        return _upload_page(request)
    collection = _collection(request, request.POST.get("collection", ""))
    files = request.FILES.getlist("files")
    if is_fragment(request) and len(files) == 1:
        return _upload_one(request, files[0], collection)
    problems = [] if files else [("", _("Choose at least one file."))]
    submitted = []
    for file in files:
        try:
            submitted.append(_submit(request, file, collection))
        except RagError as error:
            problems.append((file.name or "", str(error.message)))
    _tell(request, submitted)
    return _upload_page(request, problems, status=400) if problems else redirect("documents")


@require_http_methods(["GET", "HEAD", "POST"])
@page
def document_text(request: HttpRequest) -> HttpResponse:
    """Take a pasted text in."""
    form = TextForm(request.POST or None, user=user_of(request))
    if form.is_valid() and _submitted(request, form, services.submit_text):
        return redirect("documents")
    lead = _("For notes, a configuration or an article that you have as text.")
    return _form_page(request, form, title=_("Paste text"), verb=_("Add the text"), lead=lead)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def document_url(request: HttpRequest) -> HttpResponse:
    """Fetch a web page or file and take it in."""
    form = UrlForm(request.POST or None, user=user_of(request))
    if form.is_valid() and _submitted(request, form, services.submit_url):
        return redirect("documents")
    lead = _("Addresses inside of your network are refused, so that a document cannot spy on it.")
    return _form_page(request, form, title=_("From a web address"), verb=_("Fetch and add"), lead=lead)


@require_safe
@page
def document_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a document, at the quoted words where the address names them."""
    context = reading.read(
        user_of(request),
        pk,
        start=_number(request, "start"),
        end=_number(request, "end"),
        part=_number(request, "part"),
        question=_uuid(request.GET.get("from", "")),
    )
    return render(request, "rag/reader.html", {"reading": context})


@require_http_methods(["GET", "HEAD", "POST"])
@page
def document_replace(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a new version of a document in; the old one answers until it is complete."""
    user = user_of(request)
    document = selectors.document_get(user, pk)
    permissions.require_write(user, document, "change")
    form = ReplaceForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            services.replace_document(
                user=user,
                document=document,
                file=file,
                filename=file.name,
                media_type=file.content_type or "",
            )
        except (NotFound, Forbidden):
            raise
        except RagError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The new version is being read. The old one answers until then."))
            return redirect("documents")
    title = _("New version of “%(title)s”") % {"title": document.title}
    lead = _("The old version keeps answering until the new one is complete, also if reading it fails.")
    return _form_page(request, form, title=title, verb=_("Upload"), lead=lead)


@require_POST
@page
def document_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have a failed document read again."""
    document = selectors.document_get(user_of(request), pk)
    services.retry_document(user=user_of(request), document=document)
    return redirect("documents")


@require_http_methods(["GET", "HEAD", "POST"])
@page
def document_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a document once that is confirmed."""
    user = user_of(request)
    document = selectors.document_get(user, pk)
    if request.method == "POST":
        services.delete_document(user=user, document=document)
        messages.success(request, _("“%(title)s” was deleted.") % {"title": document.title})
        return redirect("documents")
    permissions.require_write(user, document, "delete")
    return confirm(
        request,
        title=_("Delete this document?"),
        text=_("“%(title)s” is removed for good. From the next question on no answer quotes it.")
        % {"title": document.title},
        verb=_("Delete"),
        back=reverse("documents"),
    )


def _rows(request: HttpRequest, documents: Any) -> dict[str, Any]:
    listed = list(documents)
    return {
        "documents": listed,
        "in_work": any(document.status in IN_WORK for document in listed),
        "writable": {each.pk for each in selectors.collections_writable(user_of(request))},
        "status": selectors.library_status(user_of(request)),
    }


def _upload_page(
    request: HttpRequest, problems: Sequence[tuple[str, str]] = (), *, status: int = 200
) -> HttpResponse:
    context = {
        "problems": problems,
        "collections": selectors.collections_readable(user_of(request)),
        "writable": {each.pk for each in selectors.collections_writable(user_of(request))},
        "max_bytes": _max_bytes(),
        "file_types": FILE_TYPES,
    }
    return render(request, "rag/document_upload.html", context, status=status)


def _upload_one(request: HttpRequest, file: UploadedFile, collection: Collection | None) -> HttpResponse:
    try:
        submitted = _submit(request, file, collection)
    except RagError as error:
        return HttpResponse(str(error.message), status=error.status, content_type="text/plain; charset=utf-8")
    context = _rows(request, [submitted.document]) | {"document": submitted.document}
    return render(request, "rag/_document_row.html", context, status=201 if submitted.created else 200)


def _submit(request: HttpRequest, file: UploadedFile, collection: Collection | None) -> Submitted:
    return services.submit_file(
        user=user_of(request),
        file=cast(BinaryIO, file),
        filename=file.name or "",
        media_type=file.content_type or "",
        collection=collection,
    )


def _submitted(request: HttpRequest, form: RagForm, submit: Callable[..., Submitted]) -> bool:
    """Return whether a service took in what a form holds; else its error is on the form."""
    try:
        _tell(request, [submit(user=user_of(request), **form.cleaned_data)])
    except (NotFound, Forbidden):
        raise
    except RagError as error:
        form.refuse(error)
        return False
    return True


def _tell(request: HttpRequest, submitted: Sequence[Submitted]) -> None:
    fresh = sum(each.created for each in submitted)
    known = len(submitted) - fresh
    if fresh:
        text = ngettext("%(count)s document is being read.", "%(count)s documents are being read.", fresh)
        messages.success(request, text % {"count": fresh})
    if known:
        text = ngettext(
            "%(count)s document was in the library already.",
            "%(count)s documents were in the library already.",
            known,
        )
        messages.info(request, text % {"count": known})


def _form_page(request: HttpRequest, form: RagForm, **context: str) -> HttpResponse:
    status = 400 if form.is_bound else 200
    return render(request, "rag/document_form.html", {"form": form, **context}, status=status)


def _collection(request: HttpRequest, name: str) -> Collection | None:
    return permissions.collection_named(user_of(request), name) if name else None


def _max_bytes() -> int:
    return settings.RAG_MAX_FILE_MB * 2**20


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
