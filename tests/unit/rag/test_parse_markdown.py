from __future__ import annotations

import pytest

from rag.ingest.errors import ParseError
from rag.ingest.parsers import ParseLimits, parse
from rag.values import ParsedDocument


def read(text: str, filename: str = "notes.md") -> ParsedDocument:
    return parse(text.encode(), filename=filename, media_type=None, limits=ParseLimits())


def rows(document: ParsedDocument) -> list[tuple[str, int, str]]:
    return [
        (block.kind.value, block.level, document.text[block.start : block.end]) for block in document.blocks
    ]


def test_inline_markup_is_removed_and_structure_kept() -> None:
    parsed = read(
        "# Guide\n\nUse **`lncli`** and [the *docs*](x.md).\n\n```sh\nlncli  getinfo\n\n  # twice\n```\n\n> A quote\n"
    )

    assert rows(parsed) == [
        ("heading", 1, "Guide"),
        ("paragraph", 0, "Use lncli and the docs."),
        ("code", 0, "lncli  getinfo\n\n  # twice"),
        ("quote", 0, "A quote"),
    ]
    assert parsed.text == "Guide\n\nUse lncli and the docs.\n\nlncli  getinfo\n\n  # twice\n\nA quote"


def test_lists_keep_depth_ordinals_and_the_paragraphs_of_an_item() -> None:
    parsed = read("- one\n\n  more of one\n  - deeper\n- two\n\n3. third\n4. fourth\n")

    assert rows(parsed) == [
        ("list_item", 0, "one"),
        ("paragraph", 1, "more of one"),
        ("list_item", 1, "deeper"),
        ("list_item", 0, "two"),
        ("list_item", 0, "3. third"),
        ("list_item", 0, "4. fourth"),
    ]


def test_tables_become_lines_of_cells() -> None:
    parsed = read("| Fee | Unit |\n|---|---|\n| base | `msat` |\n| rate | [ppm](#x) |\n")

    assert rows(parsed) == [("table", 0, "Fee | Unit\nbase | msat\nrate | ppm")]


def test_the_title_comes_from_the_head_then_a_heading_then_the_file_name() -> None:
    assert read("---\ntitle: 'It''s a: title'\n---\n# Other\n\ntext").title == "It's a: title"
    assert read("---\nname: Le parcours\n---\ntext here").title == "Le parcours"
    assert read("# `lnd`'s wallet\n\ntext").title == "lnd's wallet"
    assert read("# Overview\n\ntext", "key_import.md").title == "key import"
    assert read("just text", "dir/getting-started_tor.md").title == "getting started tor"


def test_head_is_not_text_but_its_summary_is() -> None:
    parsed = read(
        "---\ntitle: Anchors\nlayout: topic\nexcerpt: >\n  **Anchor outputs** let a peer\n  raise the fee later.\n"
        "objectives:\n  - Understand why fees change\n  - Learn how to raise them\n---\nBody text.\n"
    )

    assert rows(parsed) == [
        ("paragraph", 0, "Anchor outputs let a peer raise the fee later."),
        ("list_item", 0, "Understand why fees change"),
        ("list_item", 0, "Learn how to raise them"),
        ("paragraph", 0, "Body text."),
    ]


def test_a_rule_on_top_is_no_head() -> None:
    parsed = read("---\n\nSome text with: a colon.\n\n---\n\nMore text.\n")

    assert parsed.text == "Some text with: a colon.\n\nMore text."


def test_links_whose_label_is_defined_elsewhere_read_as_their_text() -> None:
    parsed = read("See [output **script** descriptors][topic descriptors] and [BIP341][], d'[ancres][x].\n")

    assert parsed.text == "See output script descriptors and BIP341, d'ancres."


def test_brackets_that_are_no_links_stay() -> None:
    parsed = read("Send [channel_id:channel_id] and a[i][j], `[x][y]`, [optional].\n")

    assert parsed.text == "Send [channel_id:channel_id] and a[i][j], [x][y], [optional]."


def test_liquid_is_resolved_or_removed_in_files_with_a_head_only() -> None:
    body = (
        '{% assign S0 = "Half a second" %}{% comment %}hidden{% endcomment %}\n\n{{S0}} is enough. {{unknown}}\n\n'
        "{% include references.md %}\n{:.center}\n"
        '{% include functions/details.md\n  q0="What is a type-safe\n      transaction identifier?"\n  a0="Short" %}\n'
    )

    with_head = read(f"---\ntitle: T\n---\n{body}")
    without = read("Helm writes {{ .Values.port }} here.\n")

    assert with_head.text == "Half a second is enough.\n\nWhat is a type-safe transaction identifier?"
    assert without.text == "Helm writes {{ .Values.port }} here."


def test_template_signs_in_code_stay() -> None:
    parsed = read("---\ntitle: T\n---\nText.\n\n```yaml\nport: {{ port }}\n{% if x %}\n```\n")

    assert rows(parsed)[1] == ("code", 0, "port: {{ port }}\n{% if x %}")


def test_html_inside_is_read_as_html() -> None:
    parsed = read(
        "<details>\n<summary>More</summary>\n\nHidden **until** opened.\n\n</details>\n\n"
        "<table>\n<tr><th>a</th><th>b</th></tr>\n\n<tr><td>1</td><td>2<sup>16</sup></td></tr>\n</table>\n\n"
        "<!-- a note -->\n<script>alert(1)</script>\n<img src=x alt=logo>\n"
    )

    assert rows(parsed) == [
        ("paragraph", 0, "More"),
        ("paragraph", 0, "Hidden until opened."),
        ("table", 0, "a | b\n1 | 2^16"),
    ]


def test_placeholders_in_angle_brackets_are_text() -> None:
    parsed = read("Run connect <pubkey>@<host> now.\n\n<username> is yours.\n")

    assert parsed.text == "Run connect <pubkey>@<host> now.\n\n<username> is yours."


def test_boxes_and_footnotes_lose_their_marks_only() -> None:
    parsed = read(
        ":::tip Good to know\nBack up first.\n:::\n\nA claim.[^1]\n\n[^1]: Its source.\n\n> [!NOTE]\n> Careful.\n"
    )

    assert parsed.text == "Good to know\n\nBack up first.\n\nA claim.\n\nIts source.\n\nCareful."


def test_a_table_of_contents_is_left_out() -> None:
    contents = "# Table of Contents\n- [A](#a)\n- [B](#b)\n  - [C](#c)\n\n"

    parsed = read(f"{contents}# A\n\nText.\n\n- [one](#a)\n- two\n", "guide.md")

    assert parsed.text == "A\n\nText.\n\none\n\ntwo"
    assert parsed.title == "A"


def test_paragraphs_of_signs_only_are_left_out() -> None:
    assert read("Text.\n\n+++\n\n***\n\n| |\n|---|\n\nMore.\n").text == "Text.\n\nMore."


def test_invisible_and_decomposed_characters_are_normalised() -> None:
    parsed = read(
        "\ufeffCafe\u0301 \u00ab\u00a0oui\u00a0\u00bb \u200bzero\u202ewidth\u00ad \U000e0041tag\x07\n"
    )

    assert parsed.text == "Café « oui » zerowidth tag"


def test_a_document_without_words_is_refused() -> None:
    for text in ("", " \n ", "---\ntitle: T\n---\n", "***\n\n- \n"):
        with pytest.raises(ParseError) as caught:
            read(text)
        assert caught.value.code == "empty"


def test_a_text_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ParseError) as caught:
        parse(b"word " * 100, filename="a.md", media_type=None, limits=ParseLimits(max_characters=100))

    assert caught.value.code == "too_long"
    assert "100" in str(caught.value)
