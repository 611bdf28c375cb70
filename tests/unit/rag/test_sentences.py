from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import is_code_line, is_list_item, split_sentences, strip_marker


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("A channel opens. It closes.", ["A channel opens.", "It closes."]),
        ("Vraiment ? Oui ! Bien sûr… Merci.", ["Vraiment ?", "Oui !", "Bien sûr…", "Merci."]),
        ("He said “stop.” Then he left.", ["He said “stop.”", "Then he left."]),
        ("Il dit « non. » Puis il part.", ["Il dit « non. »", "Puis il part."]),
        ("Il demande « quoi ? » et part.", ["Il demande « quoi ? » et part."]),
        ("(It is off.) Turn it on.", ["(It is off.)", "Turn it on."]),
        ("", []),
        (" \n\t\n ", []),
    ],
)
def test_prose_is_cut_after_final_punctuation(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "Some wallets, e.g. Phoenix, need it.",
        "Use an anchor, i.e. Option two.",
        "Un portefeuille, p. ex. Phoenix, suffit.",
        "Le taux (c.-à-d. Le prix) vaut 0,5 %.",
        "LND v0.18.3 needs 1.5 GB of memory.",
        "See https://docs.lightning.engineering/x.html?a=b.c for more.",
        "On sait que M. Dupont et Mme. Martin à la p. 12 et fig. 3 du livre.",
        "It was proposed by J. Smith and George W. Bush.",
        "Dr. Who et al. found 1,000.50 sat.",
        "Compare Eclair vs. Lightning nodes.",
    ],
)
def test_abbreviations_numbers_versions_and_addresses_do_not_end_a_sentence(sentence: str) -> None:
    assert sentences(f"{sentence} Next one.") == [sentence, "Next one."]


@pytest.mark.parametrize(
    "first, second",
    [
        ("It takes 1.5 s.", "It is quick."),
        ("Go to plan B.", "Then wait."),
        ("It needs 5 MB.", "Use the app."),
        ("Fees, delays, etc.", "All matter."),
        ("Version 2.", "Next one."),
        ("The node runs.", "lncli shows it."),
        ("Gossip follows.", "channel_update carries the fee."),
        ("Wait a while.", "3 blocks later it works."),
    ],
)
def test_a_sentence_may_end_in_a_short_word_and_open_without_a_capital(first: str, second: str) -> None:
    assert sentences(f"{first} {second}") == [first, second]


def test_list_items_are_units_with_their_wrapped_lines() -> None:
    text = "Do this:\n1. Open a channel\n2. Wait for it\n   to confirm. Then pay.\n- Done"

    assert sentences(text) == [
        "Do this:",
        "1. Open a channel",
        "2. Wait for it\n   to confirm.",
        "Then pay.",
        "- Done",
    ]


def test_a_hard_wrapped_paragraph_is_read_as_one() -> None:
    text = "A paragraph wrapped at about fifty characters, as\nLightning guides are. It has two,\nnot four."

    assert sentences(text) == [
        "A paragraph wrapped at about fifty characters, as\nLightning guides are.",
        "It has two,\nnot four.",
    ]


def test_headings_and_table_rows_and_paragraphs_stay_apart() -> None:
    text = "## Fees\nA fee is paid\n\nto the router.\n| base | rate. Two |\n| 1 | 2 |\nEnd"

    assert sentences(text) == [
        "## Fees",
        "A fee is paid",
        "to the router.",
        "| base | rate. Two |",
        "| 1 | 2 |",
        "End",
    ]


def test_each_line_of_code_is_whole() -> None:
    text = (
        "Run:\nlncli openchannel --node_key=02ab --local_amt 5\n$ lightning-cli getinfo\n"
        "[Bitcoin]\nbitcoin.active=1\n```\necho One. Two. Three\n```\nDone. Good."
    )

    assert sentences(text) == [
        "Run:",
        "lncli openchannel --node_key=02ab --local_amt 5",
        "$ lightning-cli getinfo",
        "[Bitcoin]",
        "bitcoin.active=1",
        "echo One. Two. Three",
        "Done.",
        "Good.",
    ]


@pytest.mark.parametrize(
    "line", ["lncli getinfo", "sudo systemctl restart lnd", "$ ls", "alias=bob", "[tor]", "{"]
)
def test_code_lines_are_recognised(line: str) -> None:
    assert is_code_line(line)


@pytest.mark.parametrize(
    "line", ["lncli shows the balance of the node.", "Set the fee.", "a = b in this proof, so"]
)
def test_prose_about_code_is_not_code(line: str) -> None:
    assert not is_code_line(line)


@pytest.mark.parametrize(
    "line, bare", [("- one", "one"), ("12) two", "two"), ("## Three", "Three"), ("four", "four")]
)
def test_markers_are_told_from_the_words(line: str, bare: str) -> None:
    assert strip_marker(line) == bare
    assert is_list_item(line) == (line[0] in "-1")


fragments = st.sampled_from(
    [
        "A node. ",
        "e.g. ",
        "\n",
        "\n\n",
        "- item",
        "1. ",
        "```\n",
        "    x",
        "Fin ? ",
        "« Oui. » ",
        "| a |",
        "lncli a",
        "é",
        ".",
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(fragments, max_size=30).map("".join)))
def test_spans_are_stripped_ordered_and_apart(text: str) -> None:
    spans = split_sentences(text)

    previous = 0
    for start, end in spans:
        assert previous <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        previous = end


@given(st.one_of(st.text(max_size=200), st.lists(fragments, max_size=30).map("".join)))
def test_nothing_but_white_space_and_fences_is_lost(text: str) -> None:
    spans = split_sentences(text)

    edges = [0, *[edge for span in spans for edge in span], len(text)]
    gaps = [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    for line in "".join(gap + "\n" for gap in gaps).split("\n"):
        assert not line.strip() or line.strip().startswith(("```", "~~~"))
