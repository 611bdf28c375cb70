"""Writes on accounts: checking a password, choosing a language."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from mcp_site.accounts import tokens
from mcp_site.accounts.errors import TooManyAttempts, WrongCredentials
from mcp_site.accounts.models import User
from mcp_site.limiter import Limit, client_address

# One address may try this many times as often as one user from it: several people may share an address.
ADDRESS_FACTOR = 10


def check_password(*, request: HttpRequest | None, username: str, password: str) -> User:
    """Return the user; raises ``WrongCredentials`` or ``TooManyAttempts``.

    Attempts are counted per user and address before the password is looked at, so that many at once are no
    way around; a stranger elsewhere cannot lock out the owner of an account.
    """
    address = client_address(request) if request else ""
    pair, whole = _limits()
    name = username.casefold()
    if wait := max(pair.take(name, address), whole.take(address)):
        raise TooManyAttempts(wait)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User) or not user.is_active:
        raise WrongCredentials
    pair.forget(name, address)
    return user


def _limits() -> tuple[Limit, Limit]:
    count, seconds = settings.LOGIN_ATTEMPTS, settings.LOGIN_WINDOW_SECONDS
    return Limit("login", count, seconds), Limit("login-address", count * ADDRESS_FACTOR, seconds)


def sweep() -> bool:
    """Delete sessions and tokens that ended; return False, because there is never more to do at once."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    tokens.delete_old_tokens()
    return False


def choose_language(*, user: User, language: str) -> None:
    """Remember the language of a user's pages; "" follows the browser."""
    user.language = language
    user.save(update_fields=["language"])
