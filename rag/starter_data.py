"""The operator's guide that a new installation starts with, so that the first question has an answer."""

from __future__ import annotations

from pathlib import Path

from rag import services
from rag.cli import acting_user
from rag.models import Collection

FOLDER = Path(__file__).resolve().parent / "starter"
COLLECTION = "Guide"


def load_guide() -> None:
    """Queue the guide's pages into a collection that everyone reads; pages that are there stay as they are."""
    collection = Collection.objects.get_or_create(name=COLLECTION, defaults={"everyone": True})[0]
    user = acting_user()
    for path in sorted(FOLDER.glob("*/*.md")):
        key = path.relative_to(FOLDER).as_posix()
        with path.open("rb") as file:
            services.submit_path(user=user, file=file, key=f"guide/{key}", collection=collection)
