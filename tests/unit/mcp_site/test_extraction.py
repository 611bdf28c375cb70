from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from mcp_site import extraction


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mcp_site").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "mcp_site" / "views.py").write_text(
        '_("One text")\nngettext("%(n)d day", "%(n)d days", n)\npgettext("verb", "open")\ngettext(variable)\n'
    )
    (tmp_path / "templates" / "page.html").write_text(
        "{% load i18n %}\n"
        "  <p>{% translate 'In a page' %}</p>\n"
        "    {% blocktranslate count n=n trimmed %}\n"
        "      {{ n }} file\n"
        "    {% plural %}\n"
        "      {{ n }} files\n"
        "    {% endblocktranslate %}\n"
        '  <p title="{{ _("Title") }}">not (balanced</p>\n'
    )
    return tmp_path


def test_texts_of_code_and_templates_are_found(root: Path) -> None:
    found = {(message.context, message.id) for message in extraction.extract(root) if message.id}

    assert found == {
        (None, "One text"),
        (None, ("%(n)d day", "%(n)d days")),
        ("verb", "open"),
        (None, "In a page"),
        (None, ("%(n)s file", "%(n)s files")),
        (None, "Title"),
    }


def test_an_update_keeps_translations_and_invents_none(root: Path) -> None:
    path = root / "fr.po"
    translated = extraction.update_translation(extraction.extract(root), path, "fr")
    translated.get("One text").string = "Un texte"  # type: ignore[union-attr]
    with path.open("wb") as file:
        write_po(file, translated)
    (root / "mcp_site" / "views.py").write_text('_("One text")\n_("One texts")\n')

    catalogue = extraction.update_translation(extraction.extract(root), path, "fr")

    assert catalogue.get("One text").string == "Un texte"  # type: ignore[union-attr]
    assert not catalogue.get("One texts").string  # type: ignore[union-attr]


def test_an_update_without_a_change_writes_the_same_file(root: Path) -> None:
    path, template = root / "fr.po", extraction.extract(root)
    extraction.update_translation(template, path, "fr")
    before = path.read_bytes()

    extraction.update_translation(extraction.extract(root), path, "fr")

    assert path.read_bytes() == before


def _catalogue(**texts: str) -> Catalog:
    catalogue = Catalog(locale="fr", fuzzy=False)
    for source, target in texts.items():
        catalogue.add(source, target)
    return catalogue


def test_what_is_missing_left_over_or_untranslated_is_named() -> None:
    lines = extraction.problems(_catalogue(a="", b=""), _catalogue(b="", c="c"))

    assert [line.split(":")[0] for line in lines] == [
        "no longer in the code, run make messages",
        "not in the file, run make messages",
        "not translated",
    ]


@pytest.mark.parametrize(
    ("source", "target"), [("%(n)s files", "fichiers"), ("{name} is here", "{nom} est ici"), ("%s", "%d")]
)
def test_other_placeholders_than_the_source_are_named(source: str, target: str) -> None:
    lines = extraction.problems(_catalogue(**{source: ""}), _catalogue(**{source: target}))

    assert len(lines) == 1
    assert lines[0].startswith("other placeholders")


def test_a_complete_translation_has_no_problems() -> None:
    texts = {"%(n)s files": "%(n)s fichiers"}

    assert extraction.problems(_catalogue(**dict.fromkeys(texts, "")), _catalogue(**texts)) == []
