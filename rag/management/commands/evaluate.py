"""``manage.py evaluate FILE.jsonl``: recall@k, MRR, nDCG, answer rate and latency on a question set."""

from __future__ import annotations

import json
import math
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from rag.answering import Draft, Task, compose
from rag.cli import UsageError
from rag.embedding import configured_embedder
from rag.evaluation import auroc, ndcg_at, percentile, recall_at, reciprocal_rank
from rag.generators.base import Cancellation
from rag.live_trial import LiveLibrary, stored_cases
from rag.search import Found
from rag.trial import BadSet, Case, TrialLibrary, read_cases, read_documents

Searched = TrialLibrary | LiveLibrary
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one group of questions; shares in [0, 1], latency in ms."""

    group: str
    questions: int
    recall_5: float
    recall_10: float
    mrr_10: float
    ndcg_10: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a question that was put to the whole pipeline."""

    confidence: float
    answered: bool


class Command(BaseCommand):
    help = "Measure search and answers on a question set (JSON lines: id, lang, question, rel or doc)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", metavar="FILE.jsonl")
        parser.add_argument(
            "--library", action="store_true", help="run the test cases of the admin on the library itself"
        )
        parser.add_argument(
            "--docs", default="", help="file or folder of documents (default: found beside FILE)"
        )
        parser.add_argument(
            "--answers", action="store_true", help="also answer, and ask without the answer there"
        )
        parser.add_argument("--foreign", default="", help="questions of another domain, to be refused")
        parser.add_argument("--limit", type=int, default=0, help="at most so many questions of each file")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["files"] and not options["library"]:
            raise UsageError("name a file of questions, or --library")
        try:
            if options["library"]:
                self._report("library", stored_cases(), LiveLibrary(), options)
            for name in options["files"]:
                self._evaluate(Path(name), options)
        except BadSet as error:
            raise UsageError(str(error)) from error

    def _evaluate(self, path: Path, options: dict[str, Any]) -> None:
        cases = read_cases(path)[: options["limit"] or None]
        library = TrialLibrary(configured_embedder())
        library.add(list(read_documents(_documents(path, options["docs"], cases))))
        self._report(path.name, cases, library, options)

    def _report(self, name: str, cases: Sequence[Case], library: Searched, options: dict[str, Any]) -> None:
        rows = [row for group in _groups(cases, library) if (row := _measure(*group, library))]
        report: dict[str, Any] = {"file": name, "chunks": library.index.counts().chunks}
        report["rows"] = [asdict(row) for row in rows]
        if options["answers"]:
            foreign = read_cases(Path(options["foreign"])) if options["foreign"] else []
            report["answers"] = _answers(cases, foreign[: options["limit"] or None], library)
        self.stdout.write(json.dumps(report) if options["json"] else _table(report))


def _documents(path: Path, given: str, cases: Sequence[Case]) -> Path:
    """Return where the documents of a set are: as given, ``X.docs.jsonl``, or the folder that paths lead from."""
    if given:
        return Path(given)
    beside = path.with_name(path.name.replace(".questions.", ".docs."))
    if beside != path and beside.is_file():
        return beside
    first = next((name for case in cases for name in sorted(case.relevant)), "")
    for root in (path.parent, path.parent.parent / "corpus", path.parent / "corpus"):
        if first and (root / first).is_file():
            return root
    raise BadSet(f"{path}: no documents found beside it; name them with --docs")


def _groups(cases: Sequence[Case], library: Searched) -> Iterator[tuple[str, list[Case], str | None]]:
    """Yield (name, questions, language of the documents searched) for each pair of languages and source."""
    asked = [case for case in cases if case.answerable]
    spoken = sorted(
        {language for case in asked for name in case.relevant if (language := library.languages.get(name))}
    )
    for question_language in sorted({case.language for case in asked}):
        group = [case for case in asked if case.language == question_language]
        for kind in sorted({_kind(case) for case in group}):
            chosen = [case for case in group if _kind(case) == kind]
            yield f"{kind} {question_language} -> all", chosen, None
            if len(spoken) > 1:
                for language in spoken:
                    yield f"{kind} {question_language} -> {language}", chosen, language


def _kind(case: Case) -> str:
    head = case.id.split("-")[0]
    return head if "-" in case.id and head.isalpha() and len(head) > 2 else "set"


def _measure(name: str, cases: list[Case], language: str | None, library: Searched) -> Row | None:
    figures, times = [], []
    for case in cases:
        relevant = {
            each for each in case.relevant if language is None or library.languages.get(each) == language
        }
        if not relevant & library.languages.keys():
            continue
        start = time.perf_counter()
        vector = library.embedder.embed_query(case.question)
        found = library.find(case.question, vector, top_k=10, language=language, without=NOBODY)
        times.append((time.perf_counter() - start) * 1000)
        ranking = library.ranking(found)
        figures.append(
            (
                recall_at(ranking, relevant, 5),
                recall_at(ranking, relevant, 10),
                reciprocal_rank(ranking, relevant),
                ndcg_at(ranking, relevant),
            )
        )
    if not figures:
        return None
    recall_5, recall_10, mrr, ndcg = (sum(column) / len(figures) for column in zip(*figures, strict=True))
    p50, p95 = percentile(times, 50), percentile(times, 95)
    return Row(name, len(figures), recall_5, recall_10, mrr, ndcg, p50, p95)


def _answers(cases: Sequence[Case], foreign: Sequence[Case], library: Searched) -> dict[str, Any]:
    """Return answer rates and how well the confidence tells apart what can be answered."""
    real = [case for case in cases if case.answerable]
    known = [_ask(case, library, NOBODY) for case in real]
    groups = {
        "answer_removed": [_ask(case, library, case.relevant) for case in real],
        "marked_unanswerable": [_ask(case, library, NOBODY) for case in cases if not case.answerable],
        "other_domain": [_ask(case, library, NOBODY) for case in foreign],
    }
    result: dict[str, Any] = {"answer_rate": _share(known)}
    for name, verdicts in groups.items():
        if verdicts:
            scores = [verdict.confidence for verdict in known], [verdict.confidence for verdict in verdicts]
            right = (_share(known) + 1 - _share(verdicts)) / 2
            result[name] = {
                "answer_rate": _share(verdicts),
                "auroc": auroc(*scores),
                "balanced_accuracy": right,
            }
    return result


def _ask(case: Case, library: Searched, without: frozenset[str]) -> Verdict:
    vector = library.embedder.embed_query(case.question)
    found: Found = library.find(case.question, vector, top_k=8, without=without)
    task = Task(case.question, case.question, (), found, case.language or "en", library.embedder)
    draft = [piece for piece in compose(task, Cancellation()) if isinstance(piece, Draft)][-1]
    return Verdict(draft.evidence.confidence, draft.answerable)


def _share(verdicts: Sequence[Verdict]) -> float:
    return sum(verdict.answered for verdict in verdicts) / len(verdicts) if verdicts else math.nan


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['file']}: {report['chunks']} chunks",
        f"{'group':28s} {'n':>5s} {'R@5':>6s} {'R@10':>6s} {'MRR':>6s} {'nDCG':>6s} {'p50 ms':>8s} {'p95 ms':>8s}",
    ]
    for row in report["rows"]:
        shares = " ".join(f"{100 * row[key]:6.1f}" for key in ("recall_5", "recall_10", "mrr_10", "ndcg_10"))
        lines.append(
            f"{row['group']:28s} {row['questions']:5d} {shares} {row['p50_ms']:8.1f} {row['p95_ms']:8.1f}"
        )
    for name, value in report.get("answers", {}).items():
        lines.append(f"{name}: " + (json.dumps(value) if isinstance(value, dict) else f"{value:.3f}"))
    return "\n".join(lines)
