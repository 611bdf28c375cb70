from __future__ import annotations

import pytest

from rag.ingest.language import detect_language


@pytest.mark.parametrize(
    "text",
    [
        "Comment équilibrer un canal ?",
        "Qu'est-ce que Bitcoin ?",
        "Le canal est fermé par votre pair, et les fonds sont rendus après le délai.",
    ],
)
def test_french_is_recognised(text: str) -> None:
    assert detect_language(text) == "fr"


@pytest.mark.parametrize(
    "text",
    [
        "How do I rebalance a channel?",
        "What is a watchtower",
        "The peer closed the channel and the funds are returned after the delay.",
    ],
)
def test_english_is_recognised(text: str) -> None:
    assert detect_language(text) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "¿Cómo abrir un canal con otro nodo?",
        "Wie öffne ich einen Kanal mit einem anderen Knoten?",
        "Het kanaal is niet open en de node is uit",
        "Il canale non è aperto e il nodo è spento",
        "O canal não está aberto para pagamentos",
        "チャネルを開く方法",
    ],
)
def test_another_language_is_not_taken_for_french_or_english(text: str) -> None:
    assert detect_language(text) == ""


@pytest.mark.parametrize("text", ["", "   ", "12 34", "lncli getinfo", "0x02ab", "channel reserve"])
def test_text_without_function_words_stays_unknown(text: str) -> None:
    assert detect_language(text) == ""


def test_commands_do_not_hide_the_language_of_a_long_document() -> None:
    prose = (
        "Le nœud est arrêté. Lancez ces commandes dans un terminal, puis attendez que le canal soit ouvert. "
    )
    commands = "lncli openchannel --node_key=02ab --local_amt=100000\nsystemctl restart lnd\n" * 30

    assert detect_language(prose * 3 + commands) == "fr"


def test_a_foreign_preface_does_not_decide_for_a_long_document() -> None:
    licence = "Permission is hereby granted to any person who obtains a copy of this software. " * 40
    body = "Le canal est ouvert avec votre pair et les fonds sont dans la transaction de financement. " * 900

    assert detect_language(licence + body) == "fr"
