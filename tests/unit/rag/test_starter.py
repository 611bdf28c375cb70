"""The starter corpus: complete in both languages, well formed, and with questions that fit it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rag.sentences import split_sentences

STARTER = Path(__file__).resolve().parents[3] / "rag" / "starter"
LANGUAGES = ("fr", "en")
PAGES = sorted(path.relative_to(STARTER).as_posix() for path in STARTER.glob("*/*.md"))
QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (STARTER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
]

_FRONT_MATTER = re.compile(r"---\n(?P<fields>.*?)\n---\n(?P<body>.*)", re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_SOURCES = "\n## Sources\n"


def _parts(page: str) -> tuple[dict[str, str], str]:
    match = _FRONT_MATTER.fullmatch((STARTER / page).read_text(encoding="utf-8"))
    assert match, f"{page} has no front matter"
    pairs = (line.split(": ", 1) for line in match["fields"].splitlines())
    return {name: value.strip('"') for name, value in pairs}, match["body"]


def _prose(page: str) -> str:
    """Return the page's text without code blocks and without its sources."""
    body = _parts(page)[1]
    return _FENCED.sub("", body.split(_SOURCES)[0])


def _sentences(page: str) -> list[str]:
    text = _prose(page)
    spans = (text[start:end] for start, end in split_sentences(text))
    return [span for span in spans if not span.startswith(("#", "|")) and len(span.split()) >= 5]


def _names(language: str) -> set[str]:
    return {page.split("/")[1] for page in PAGES if page.startswith(f"{language}/")}


def test_every_page_exists_in_both_languages() -> None:
    assert len(_names("fr")) >= 15
    assert _names("fr") == _names("en")


def test_pages_are_numbered_without_gaps() -> None:
    numbers = [int(name[:2]) for name in sorted(_names("fr"))]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", PAGES)
def test_front_matter_holds_the_title_and_the_folders_language(page: str) -> None:
    fields, body = _parts(page)

    assert set(fields) == {"title", "language"}
    assert fields["language"] == page.split("/")[0]
    assert body.splitlines()[0] == f"# {fields['title']}"


@pytest.mark.parametrize("page", PAGES)
def test_page_has_a_readable_length(page: str) -> None:
    assert 450 <= len(_parts(page)[1].split()) <= 1000


@pytest.mark.parametrize("page", PAGES)
def test_page_names_its_sources_last(page: str) -> None:
    body = _parts(page)[1]
    sources = body.split(_SOURCES)

    assert len(sources) == 2
    assert "\n#" not in sources[1]
    assert re.search(r"BOLT \d|LND|Core Lightning", sources[1])
    assert all(line.startswith("- ") for line in sources[1].strip().splitlines())


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_are_closed(page: str) -> None:
    fences = re.findall(r"^```", _parts(page)[1], re.MULTILINE)

    assert len(fences) % 2 == 0


@pytest.mark.parametrize("name", sorted(_names("fr")))
def test_both_languages_show_the_same_structure(name: str) -> None:
    french, english = (_parts(f"{language}/{name}")[1] for language in LANGUAGES)

    for mark in (r"^#+ ", r"^- ", r"^\d+\. ", r"^\|", r"^```"):
        counts = [len(re.findall(mark, body, re.MULTILINE)) for body in (french, english)]
        assert counts[0] == counts[1], f"{mark} differs"


@pytest.mark.parametrize("name", sorted(_names("fr")))
def test_both_languages_give_the_same_options_and_commands(name: str) -> None:
    def literals(language: str) -> set[str]:
        spans = re.findall(r"`([^`\n]+)`", _FENCED.sub("", _parts(f"{language}/{name}")[1]))
        return {span for span in spans if re.fullmatch(r"[a-z][\w.=-]*[._-][\w.=-]*", span)}

    assert literals("fr") == literals("en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_stands_on_two_pages(language: str) -> None:
    pages = [page for page in PAGES if page.startswith(f"{language}/")]
    counts = Counter(sentence for page in pages for sentence in set(_sentences(page)))

    assert [sentence for sentence, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_leans_on_the_one_before(page: str) -> None:
    # An extractive answer quotes single sentences: "It lies in ..." would say nothing there.
    leaning = re.compile(
        r"(?:\d+\. |- )?(?:It|This|That|They|These|Those|Ce|Cela|Ceci|Celui|Ces|Cette|Cet|Elles?|Ils)\s"
    )

    assert [sentence for sentence in _sentences(page) if leaning.match(sentence)] == []


def test_questions_have_unique_ids_and_texts() -> None:
    assert len({row["id"] for row in QUESTIONS}) == len(QUESTIONS)
    assert len({row["question"].casefold() for row in QUESTIONS}) == len(QUESTIONS)


def test_questions_are_balanced_between_the_languages() -> None:
    answerable = Counter(row["lang"] for row in QUESTIONS if row["answerable"])
    absent = Counter(row["lang"] for row in QUESTIONS if not row["answerable"])

    assert answerable.total() >= 120
    assert absent.total() >= 30
    assert abs(answerable["fr"] - answerable["en"]) <= 0.1 * answerable.total()
    assert abs(absent["fr"] - absent["en"]) <= 0.1 * absent.total()


def test_answerable_questions_point_at_a_page_of_their_language() -> None:
    for row in QUESTIONS:
        if row["answerable"]:
            assert row["doc"] in PAGES
            assert row["doc"].startswith(f"{row['lang']}/")
            assert row["answer"]
        else:
            assert row["doc"] is None
            assert row["answer"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_asked_about(language: str) -> None:
    asked = Counter(row["doc"] for row in QUESTIONS if row["lang"] == language and row["answerable"])

    assert set(asked) == {page for page in PAGES if page.startswith(f"{language}/")}
    assert min(asked.values()) >= 3


def test_questions_are_not_worded_like_the_pages() -> None:
    texts = {page: _prose(page).casefold() for page in PAGES}
    # The question that the product's own description uses as its example may match a heading.
    examples = {"comment équilibrer un canal ?", "how do i balance a channel?"}

    for row in QUESTIONS:
        question = row["question"].casefold()
        if row["answerable"] and len(question.split()) >= 3 and question not in examples:
            assert question not in texts[row["doc"]], row["id"]
