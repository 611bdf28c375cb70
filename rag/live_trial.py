"""The library itself as a question set's documents, with the test cases that staff made of real questions."""

from __future__ import annotations

from uuid import UUID

from rag.library import library
from rag.models import Collection, Document, EvaluationCase
from rag.search import EVIDENCE_HITS, Found, passages_of
from rag.trial import BadSet, Case
from rag.values import Vector


def stored_cases() -> list[Case]:
    """Return the test cases of the admin; documents are named by their ids."""
    return [
        Case(
            id=f"case-{row.pk}",
            question=row.question,
            language=row.language,
            relevant=frozenset({str(row.document_id)} if row.document_id else ()),
            answerable=row.answerable,
        )
        for row in EvaluationCase.objects.order_by("created_at")
    ]


class LiveLibrary:
    """What ``rag.trial.TrialLibrary`` is for a set: searched as everyone's questions are, but without permissions."""

    def __init__(self) -> None:
        view = library().view(patience=60)
        if view.embedder is None:
            raise BadSet("the library's embedding model cannot run here: manage.py reindex")
        self.embedder, self.index = view.embedder, view.index
        self._scope = frozenset(Collection.objects.values_list("pk", flat=True))
        documents = Document.objects.filter(deleted_at__isnull=True).values_list("pk", "language")
        self.languages = {str(pk): language for pk, language in documents}

    def find(
        self,
        question: str,
        vector: Vector,
        *,
        top_k: int,
        language: str | None = None,
        without: frozenset[str],
    ) -> Found:
        """Return passages as ``rag.search.find`` does; ``without`` names documents taken out beforehand."""
        limit = max(EVIDENCE_HITS, top_k) + 40 * len(without)
        hits = self.index.search(question, vector, collections=None, language=language, limit=limit)
        kept = [hit for hit in hits if str(UUID(hit.document)) not in without][: max(EVIDENCE_HITS, top_k)]
        return Found(tuple(passages_of(kept, self._scope, top_k)), tuple(kept), vector, incomplete=False)

    def ranking(self, found: Found) -> list[str]:
        """Return document ids in the order of their best passages."""
        return list(dict.fromkeys(str(UUID(hit.document)) for hit in found.hits))
