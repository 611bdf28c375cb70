"""``manage.py evaluate``: figures of a set, of the library, and clear words about a bad file."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from rag.cli import UsageError
from rag.models import EvaluationCase
from tests.factories import BACKUP_FR, BALANCING, make_user, ready_document

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_data_dir(tmp_path: Path, settings: Any, embedder: Any) -> None:
    settings.DATA_DIR = tmp_path / "var"


def run(*arguments: str) -> dict[str, Any]:
    output = StringIO()
    call_command("evaluate", *arguments, "--json", stdout=output)
    return dict(json.loads(output.getvalue()))


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_a_set_with_its_documents_beside_it(tmp_path: Path) -> None:
    write(
        tmp_path / "x.docs.jsonl",
        [
            {"id": "e1", "lang": "en", "text": "Pay yourself around a circle to balance a channel."},
            {"id": "e2", "lang": "en", "text": "A watchtower punishes a peer that publishes an old state."},
            {"id": "f2", "lang": "fr", "text": "Une tour de garde punit un pair qui publie un ancien état."},
        ],
    )
    questions = write(
        tmp_path / "x.questions.jsonl",
        [
            {"id": "1", "lang": "en", "question": "How to balance a channel?", "rel": ["e1"]},
            {"id": "2", "lang": "fr", "question": "À quoi sert une tour de garde ?", "rel": ["e2", "f2"]},
            {"id": "3", "lang": "en", "question": "Who won the cup?", "answerable": False},
        ],
    )

    report = run(str(questions), "--answers")

    rows = {row["group"]: row for row in report["rows"]}
    assert report["chunks"] == 3
    assert rows["set en -> en"]["ndcg_10"] == 1.0
    assert rows["set fr -> en"]["recall_5"] == 1.0
    assert rows["set fr -> fr"]["mrr_10"] == 1.0
    assert report["answers"]["marked_unanswerable"]["auroc"] == 1.0


def test_the_library_with_the_test_cases_of_the_admin(embedder: Any) -> None:
    user = make_user(is_superuser=True)
    document = ready_document(user, embedder, BALANCING)
    ready_document(user, embedder, BACKUP_FR)
    EvaluationCase.objects.create(question="How do I balance a channel?", language="en", document=document)
    EvaluationCase.objects.create(question="Who won the cup?", language="en", answerable=False)

    report = run("--library", "--answers")

    assert report["rows"][0]["mrr_10"] == 1.0
    assert report["answers"]["answer_rate"] == 1.0
    assert report["answers"]["marked_unanswerable"]["answer_rate"] == 0.0


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "line 1"),
        ("[1]", "line 1"),
        ('{"id": "1"}', "no question"),
        ('{"question": "x", "rel": ["a"]}', "--docs"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(content)

    with pytest.raises(UsageError, match=named) as refusal:
        call_command("evaluate", str(path))

    assert refusal.value.returncode == 2


def test_a_call_without_a_set_is_refused() -> None:
    with pytest.raises(UsageError, match="--library"):
        call_command("evaluate")
