"""How errors of the accounts look to callers of the API."""

from __future__ import annotations

from mcp_site import problems
from mcp_site.accounts.authentication import BearerAuthentication
from mcp_site.accounts.errors import AccountError, TooManyAttempts, WrongCredentials
from mcp_site.problems import Problem


def register_all() -> None:
    """Teach the problem handler our errors; the most specific last."""
    problems.register(AccountError, _invalid)
    problems.register(WrongCredentials, _unauthorised)
    problems.register(TooManyAttempts, _throttled)


def _invalid(error: AccountError) -> Problem:
    errors = {error.field: [str(error)]} if error.field else {}
    return Problem(400, "invalid", str(error), errors)


def _unauthorised(error: WrongCredentials) -> Problem:
    challenge = {"WWW-Authenticate": BearerAuthentication.challenge}
    return Problem(401, "wrong_credentials", str(error), headers=challenge)


def _throttled(error: TooManyAttempts) -> Problem:
    return Problem(429, "too_many_attempts", str(error), retry_after=error.retry_after)
