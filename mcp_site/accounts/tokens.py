"""API tokens: created, found and revoked here and nowhere else; only digests are stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from mcp_site.accounts.errors import ScopeNotAllowed
from mcp_site.accounts.models import ApiToken, TokenScope, User

PREFIX = "mcp_"
USE_IS_NOTED_EVERY = timedelta(minutes=1)
KEPT_AFTER_END = timedelta(days=30)
_RANK = {TokenScope.READ.value: 0, TokenScope.WRITE.value: 1, TokenScope.OPERATE.value: 2}


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made; ``secret`` exists only here."""

    token: ApiToken
    secret: str


def digest(secret: str) -> str:
    """Return what is stored of a secret. It has 256 random bits, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def now_ms() -> datetime:
    """Return the time cut to the millisecond, as MongoDB keeps it."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def scopes_for(user: User) -> list[str]:
    """Return the scopes that a user may give to a token, the widest last."""
    return list(_RANK) if user.is_staff else [TokenScope.READ.value, TokenScope.WRITE.value]


def includes(scope: str, needed: str) -> bool:
    """Return whether a scope covers another."""
    return _RANK.get(scope, -1) >= _RANK[needed]


def create_token(*, user: User, name: str = "", scope: str = "", days: int | None = None) -> NewToken:
    """Return a new token and its secret; scope defaults to the widest that the user may have."""
    allowed = scopes_for(user)
    scope = scope or allowed[-1]
    if scope not in allowed:
        raise ScopeNotAllowed
    token = ApiToken(user=user, name=name or "API", scope=scope, expires_at=expiry(days))
    secret = give_secret(token)
    token.save(force_insert=True)
    return NewToken(token, secret)


def give_secret(token: ApiToken) -> str:
    """Return a new secret for a token that is not saved yet, and put its digest there."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token.digest, token.prefix, token.created_at = digest(secret), secret[:12], now_ms()
    return secret


def expiry(days: int | None = None) -> datetime:
    """Return when a token made now ends; by default after ``MCP_TOKEN_DAYS``."""
    return now_ms() + timedelta(days=settings.TOKEN_DAYS if days is None else days)


def find_token(secret: str) -> ApiToken | None:
    """Return the valid token of a secret whose user is active, else None; notes the use."""
    token = ApiToken.objects.select_related("user").filter(digest=digest(secret)).first()
    if token is None or not token.user.is_active or not is_valid(token):
        return None
    _note_use(token)
    return token


def is_valid(token: ApiToken) -> bool:
    """Return whether a token still opens anything."""
    expired = token.expires_at is not None and token.expires_at <= timezone.now()
    return token.revoked_at is None and not expired


def _note_use(token: ApiToken) -> None:
    now = now_ms()
    if token.last_used_at is None or token.last_used_at <= now - USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def revoke_token(*, token: ApiToken) -> None:
    """End a token now; a second time changes nothing."""
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now_ms())


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return a user's tokens that are not revoked, newest first."""
    return ApiToken.objects.filter(user=user, revoked_at=None)


def delete_old_tokens() -> int:
    """Delete tokens that ended a month ago; return how many."""
    limit = now_ms() - KEPT_AFTER_END
    deleted, _details = ApiToken.objects.filter(Q(expires_at__lt=limit) | Q(revoked_at__lt=limit)).delete()
    return deleted
