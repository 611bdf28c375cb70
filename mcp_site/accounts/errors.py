"""What can go wrong with logging in and with tokens."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class AccountError(Exception):
    """Base of the errors here; ``field`` names the input it belongs to, "" if none."""

    message: str | Promise = ""
    field = ""

    def __str__(self) -> str:
        return str(self.message)


class WrongCredentials(AccountError):
    """Unknown user, wrong password or inactive account: the caller is not told which."""

    message = _("The user name or the password is wrong.")


class TooManyAttempts(AccountError):
    """More attempts than the limit allows."""

    message = _("Too many attempts. Wait a few minutes, then try again.")

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after


class ScopeNotAllowed(AccountError):
    """A scope beyond what the user may do."""

    message = _("Only staff may have a token that operates.")
    field = "scope"
