"""Rows for tests: small functions whose keywords override their defaults."""

from __future__ import annotations

import io
import itertools
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from rag import services
from rag.embedders.base import Embedder
from rag.embedding import active_embedder
from rag.ingest.parsers import ParseLimits, parse
from rag.ingest.pipeline import Pipeline
from rag.models import Collection, CollectionReader, Document
from rag.values import ParsedDocument

_numbers = itertools.count(1)

BALANCING = """# Balancing a channel

A channel is balanced when both sides hold about half of its capacity.
To balance a channel, pay yourself around a circle: out through the full channel, in through the empty one.
The command `bos rebalance` does this with a fee limit.
"""
BACKUP_FR = """# Sauvegarder les canaux

Le fichier channel.backup contient la sauvegarde statique de tous les canaux de LND.
Copiez ce fichier sur une autre machine après chaque ouverture de canal.
"""


def make_user(username: str = "", *, can_add: bool = False, **values: Any) -> Any:
    """Return a user with the password "secret-of-tests"; ``can_add`` gives the rights over documents."""
    name = username or f"user{next(_numbers)}"
    users: Any = get_user_model()
    user = users.objects.create_user(username=name, password="secret-of-tests", **values)
    if can_add:
        rights = Permission.objects.filter(
            codename__in=("add_document", "change_document", "delete_document")
        )
        user.user_permissions.set(list(rights))
        user = users.objects.get(pk=user.pk)
    return user


def make_collection(name: str = "", *, groups: tuple[Group, ...] = (), **values: Any) -> Collection:
    """Return a collection readable by ``groups`` (and whoever ``values`` say)."""
    collection = Collection.objects.create(name=name or f"collection {next(_numbers)}", **values)
    for group in groups:
        CollectionReader.objects.create(collection=collection, group=group)
    return collection


class InProcessParser:
    """The product's parsers without their child process, for tests that are not about it."""

    def parse(self, data: bytes, *, filename: str, media_type: str | None) -> ParsedDocument:
        return parse(data, filename=filename, media_type=media_type, limits=ParseLimits())


def make_pipeline(embedder: Any, worker: str = "test:1") -> Pipeline:
    """Return a pipeline that reads in this process and embeds with the shipped embedder."""

    def shipped() -> Embedder:
        active = active_embedder()
        assert active is not None and active.model_id == embedder.model_id
        return active

    return Pipeline(parser=InProcessParser(), embedder=shipped, worker=worker)


def queue_document(user: Any, text: str = BALANCING, **values: Any) -> Document:
    """Return a document that was uploaded and waits for a worker."""
    values = {"filename": f"document{next(_numbers)}.md", **values}
    return services.submit_file(user=user, file=io.BytesIO(text.encode()), **values).document


def ready_document(user: Any, embedder: Any, text: str = BALANCING, **values: Any) -> Document:
    """Return a document that answers."""
    document = queue_document(user, text, **values)
    pipeline = make_pipeline(embedder)
    while pipeline.read_next() or pipeline.embed_next():
        continue
    document.refresh_from_db()
    return document
