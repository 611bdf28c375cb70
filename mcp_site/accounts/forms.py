"""Forms of the login and account pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _

from mcp_site.accounts import services, tokens
from mcp_site.accounts.errors import TooManyAttempts, WrongCredentials
from mcp_site.accounts.models import TokenScope, User


class LoginForm(AuthenticationForm):
    """Django's form behind our limit on attempts; ``retry_after`` is set once that is reached."""

    retry_after: float = 0.0

    def clean(self) -> dict[str, Any]:
        """Return the values; sets the user, or an error that does not tell whether the user exists."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not username or not password:
            return self.cleaned_data
        try:
            self.user_cache = services.check_password(
                request=self.request, username=username, password=password
            )
        except TooManyAttempts as error:
            self.retry_after = error.retry_after
            raise forms.ValidationError(str(error), code="throttled") from error
        except WrongCredentials as error:
            raise forms.ValidationError(str(error), code="invalid_login") from error
        return self.cleaned_data


class LanguageForm(forms.Form):
    """The language of the pages; empty follows the browser."""

    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("As the browser")), *settings.LANGUAGES]
    )


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What will use it, such as “backup script”.")
    )
    scope = forms.ChoiceField(label=_("Scope"), choices=TokenScope.choices)
    days = forms.IntegerField(label=_("Valid for (days)"), min_value=1, max_value=3650)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = tokens.scopes_for(user)
        field = self.fields["scope"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [(scope.value, scope.label) for scope in TokenScope if scope.value in allowed]
        self.fields["days"].initial = settings.TOKEN_DAYS
