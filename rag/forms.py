"""Forms of the pages; what they hold is checked again by the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from rag import selectors
from rag.ask import MAX_QUESTION
from rag.errors import RagError
from rag.models import Collection
from rag.permissions import readable

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser as User
else:
    User = Any

FILE_TYPES = ".md,.markdown,.txt,.text,.html,.htm,.pdf,.docx"


class RagForm(forms.Form):
    """A form that can show the error of a service at the field it names."""

    def refuse(self, error: RagError) -> None:
        """Add a service's error to the form."""
        self.add_error(error.field if error.field in self.fields else None, str(error.message))


class QuestionForm(RagForm):
    """A question, perhaps within a collection or a conversation."""

    question = forms.CharField(max_length=MAX_QUESTION)
    collection = forms.ModelChoiceField(Collection.objects.none(), required=False)
    conversation = forms.UUIDField(required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["collection"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = readable(user)


class ShelfForm(RagForm):
    """A form with a choice of collection where the user has one."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shelves = selectors.collections_writable(user)
        if len(shelves) > 1:
            self.fields["collection"] = forms.ModelChoiceField(
                readable(user).filter(pk__in=[each.pk for each in shelves]),
                label=_("Collection"),
                required=False,
                empty_label=_("Default"),
            )


class TextForm(ShelfForm):
    """A pasted text."""

    title = forms.CharField(label=_("Title"), max_length=300)
    text = forms.CharField(
        label=_("Text"),
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text=_("Plain text or Markdown; headings become the outline."),
    )
    source_url = forms.URLField(
        label=_("Web address it comes from"),
        required=False,
        assume_scheme="https",
        help_text=_("Optional. Pasting the same address again makes a new version."),
    )


class UrlForm(ShelfForm):
    """A web page or a file on the web."""

    url = forms.URLField(
        label=_("Web address"),
        max_length=2000,
        assume_scheme="https",
        help_text=_("A page, PDF or text on the public web. MCP fetches it once, now."),
    )


class ReplaceForm(RagForm):
    """A new version of a document."""

    file = forms.FileField(
        label=_("File"),
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": FILE_TYPES}),
    )


class FeedbackForm(RagForm):
    """What the asker thinks of an answer."""

    helpful = forms.ChoiceField(choices=[("yes", _("Yes")), ("no", _("No"))])
    comment = forms.CharField(max_length=2000, required=False)
