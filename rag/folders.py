"""Takes whole folders in: what is new or changed is queued, what is gone can be pruned."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from rag import permissions, services
from rag.cli import files_beneath
from rag.errors import RagError
from rag.models import Collection, Document, SourceKind


@dataclass(slots=True)
class FolderReport:
    """What became of the files; ``documents`` are all that were handed in."""

    documents: list[Document] = field(default_factory=list)
    added: int = 0
    unchanged_or_updated: int = 0
    pruned: int = 0
    refused: list[tuple[Path, str]] = field(default_factory=list)


def submit_folder(
    *, user: Any, paths: Iterable[str], collection: Collection | None = None, prune: bool = False
) -> FolderReport:
    """Return a report; every file is stored and queued, a worker or ``drain`` does the rest."""
    paths, report = list(paths), FolderReport()
    for path in list(files_beneath(paths)):
        try:
            with path.open("rb") as file:
                submitted = services.submit_path(user=user, file=file, key=_key(path), collection=collection)
        except (RagError, OSError) as error:
            report.refused.append((path, str(getattr(error, "message", error))))
            continue
        report.documents.append(submitted.document)
        report.added += submitted.created
        report.unchanged_or_updated += not submitted.created
    if prune:
        shelf = collection or permissions.default_collection(user)
        report.pruned = _prune(user, paths, shelf, {document.pk for document in report.documents})
    return report


def _key(path: Path) -> str:
    """Return the path as text that a database takes: a name that is no UTF-8 is written with escapes."""
    return path.as_posix().encode(errors="backslashreplace").decode()


def _prune(user: Any, paths: Iterable[str], shelf: Collection, handed_in: Container[UUID]) -> int:
    """Delete documents that came from these folders and whose files are gone.

    One whose content was just handed in stays: its file was only moved.
    """
    roots = [Path(name).resolve() for name in paths]
    known = Document.objects.filter(source_kind=SourceKind.FOLDER, collection=shelf, deleted_at__isnull=True)
    pruned = 0
    for document in known:
        if document.pk in handed_in:
            continue
        path = Path(document.source_key)
        if any(root == path or root in path.parents for root in roots) and not path.is_file():
            services.delete_document(user=user, document=document)
            pruned += 1
    return pruned
