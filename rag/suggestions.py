"""Questions that the starter guide answers, for someone who does not know yet what to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from rag import selectors
from rag.models import DocumentStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractUser as User
else:
    User = Any

GUIDE = "guide/"
"""How ``rag.starter_data`` begins the source keys of the guide's pages."""


def suggestions(user: User) -> list[str]:
    """Return questions in the active language; none where the user cannot read the guide."""
    guide = selectors.document_list(user).filter(source_key__startswith=GUIDE, status=DocumentStatus.READY)
    if not guide.exists():
        return []
    return [
        _("How do I balance a channel?"),
        _("How do I get inbound liquidity?"),
        _("When should I force-close a channel?"),
        _("How do I back up my node?"),
        _("How are routing fees calculated?"),
        _("What does a watchtower protect against?"),
    ]
