"""Who may read and write which collection. Permission is part of every search, never a filter after it."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from rag.errors import Forbidden, NotFound
from rag.models import Collection, Document
from rag.typing import User

LIBRARY = UUID("5b2f0c9e-6d0f-4a39-9d2b-0c1f5c0a7e01")
"""Key of the collection that every signed-in user reads; made with the first document, named as its reader says."""


def readable(user: User) -> QuerySet[Collection]:
    """Return the collections that the user may read: everyone's, their groups', their own."""
    collections = Collection.objects.all()
    if user.is_superuser:
        return collections
    groups = list(user.groups.values_list("pk", flat=True))
    shared = Collection.objects.filter(readers__group_id__in=groups).values_list("pk", flat=True)
    return collections.filter(Q(everyone=True) | Q(owner=user) | Q(pk__in=list(shared) if groups else []))


def scope(user: User, collection: Collection | None = None) -> frozenset[UUID]:
    """Return the keys of the collections to search: all readable ones, or the one asked for."""
    if collection is not None:
        return frozenset({collection.pk})
    return frozenset(readable(user).values_list("pk", flat=True))


def may_write(user: User, collection: Collection, action: str = "add") -> bool:
    """Return whether the user may add, change or delete documents in a collection that they can read."""
    return collection.owner_id == user.pk or bool(user.has_perm(f"rag.{action}_document"))


def require_write(user: User, document: Document, action: str) -> None:
    """Raise ``Forbidden`` unless the user may change or delete the document."""
    if not may_write(user, document.collection, action):
        raise Forbidden


def collection_named(user: User, name: str) -> Collection:
    """Return the readable collection of this id or name; raises ``NotFound`` naming the field."""
    found = readable(user)
    try:
        match = found.filter(pk=UUID(name)).first()
    except ValueError:
        match = found.filter(name=name).first()
    if match is None:
        raise NotFound(field="collection")
    return match


def default_collection(user: User) -> Collection:
    """Return where a document goes that names no collection: the library, or the user's private shelf."""
    if user.has_perm("rag.add_document"):
        return _library()
    own = Collection.objects.filter(owner=user).order_by("created_at").first()
    if own is not None:
        return own
    # Several first files may arrive at once.
    name = f"{user.get_username()[:60]} ({user.pk.hex[:8]})"
    return Collection.objects.get_or_create(name=name, owner=user)[0]


def _library() -> Collection:
    found = Collection.objects.filter(pk=LIBRARY).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return Collection.objects.create(pk=LIBRARY, name=_("Library"), everyone=True)
    except (
        IntegrityError
    ):  # made at the same moment, or the name is taken by a collection of the user's making
        name = f"{_('Library')} ({LIBRARY.hex[:6]})"
        return Collection.objects.get_or_create(pk=LIBRARY, defaults={"name": name, "everyone": True})[0]
