"""Login, logout, password and account pages."""

from __future__ import annotations

import math
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from mcp_site.accounts import services, tokens
from mcp_site.accounts.forms import LanguageForm, LoginForm, TokenForm
from mcp_site.accounts.models import User

YEAR_SECONDS = 365 * 86_400


@method_decorator(never_cache, name="dispatch")
class LoginView(auth_views.LoginView):
    """The login page; 429 once there were too many attempts."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Show the page again with its errors."""
        response = super().form_invalid(form)
        if isinstance(form, LoginForm) and form.retry_after:
            response.status_code = 429
            response["Retry-After"] = str(math.ceil(form.retry_after))
        return response


class PasswordChangeView(auth_views.PasswordChangeView):
    """The page on which a user changes their own password; other sessions of theirs end."""

    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("account")
    done = gettext_lazy("Your password was changed. You were logged out everywhere else.")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Save, say so, and go back to the account."""
        messages.success(self.request, self.done)
        return super().form_valid(form)


def _account_page(
    request: HttpRequest, user: User, form: TokenForm, *, secret: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "language_form": LanguageForm(initial={"language": user.language}),
        "token_form": form,
        "tokens": tokens.tokens_of(user),
        "new_token": secret,
    }
    return render(request, "accounts/account.html", context, status=status)


def _user(request: HttpRequest) -> User:
    user = request.user
    if not isinstance(user, User):
        raise TypeError("the login middleware lets only users through")
    return user


@never_cache
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Show language and API tokens of the user."""
    user = _user(request)
    return _account_page(request, user, TokenForm(user=user))


@require_POST
def account_language(request: HttpRequest) -> HttpResponse:
    """Save the language of the user's pages."""
    form = LanguageForm(request.POST)
    if form.is_valid():
        services.choose_language(user=_user(request), language=form.cleaned_data["language"])
    response = redirect("account")
    response.delete_cookie(settings.LANGUAGE_COOKIE_NAME, samesite="Lax")
    return response


@never_cache
@require_POST
def token_create(request: HttpRequest) -> HttpResponse:
    """Create a token and show its secret in this answer only."""
    user = _user(request)
    form = TokenForm(request.POST, user=user)
    if not form.is_valid():
        return _account_page(request, user, form, status=400)
    new = tokens.create_token(user=user, **form.cleaned_data)
    return _account_page(request, user, TokenForm(user=user), secret=new.secret)


@require_POST
def token_revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Revoke one of the user's tokens."""
    token = get_object_or_404(tokens.tokens_of(_user(request)), pk=pk)
    tokens.revoke_token(token=token)
    messages.success(request, _("The token “%(name)s” was revoked.") % {"name": token.name})
    return redirect("account")


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Switch the language: on the account of who is logged in, and in a cookie for everyone."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = redirect(target)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        if isinstance(request.user, User):
            services.choose_language(user=request.user, language=language)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=YEAR_SECONDS,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response
