from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.indexes.analyser import analyse
from rag.indexes.glossary import translations

PUBLIC_KEY = "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("canal", "canaux"),
        ("l'équilibrage", "équilibrage"),
        ("qu’un canal", "un canal"),
        ("Équilibrer", "equilibrer"),
        ("channels", "channel"),
        ("close", "closing"),
        ("closed", "close"),
        ("œuvre", "oeuvre"),
        ("the node's keys", "node keys"),
        ("peut-il échouer", "échouer"),
        ("doesn't fail", "fail"),
        ("ne fonctionne-t-elle pas", "fonctionne"),
        ("BOLT 4", "BOLT#4"),
        ("bolt04", "bolt-4"),
        ("BIP-0340", "bip 340"),
        ("v0.18.3", "0.18.3"),
        ("100,000 sats", "100 000 sats"),
        ("max-cltv_expiry=1", "max_cltv-expiry=1"),
    ],
)
def test_spellings_of_the_same_thing_give_the_same_terms(one: str, other: str) -> None:
    assert analyse(one) == analyse(other)


@pytest.mark.parametrize(
    ("identifier", "whole"),
    [
        ("lncli", "lncli"),
        ("option_anchors", "option_anchors"),
        ("BOLT#4", "bolt4"),
        ("--max-cltv", "max_cltv"),
        ("channel.db", "channel.db"),
        ("sat/vB", "sat/vb"),
        (PUBLIC_KEY, PUBLIC_KEY),
        ("800000x12x1", "800000x12x1"),
        ("v0.18.3", "0.18.3"),
        ("v0.18.3-beta", "0.18.3"),
        ("~/.lnd/tls.cert", "tls.cert"),
        ("/etc/lnd/lnd.conf", "etc/lnd/lnd.conf"),
        ("SIGHASH_ANYPREVOUT", "sighash_anyprevout"),
        ("BIP340", "bip340"),
        ("04-onion-routing.md", "04_onion_routing.md"),
        ("d'option_anchors", "option_anchors"),
        ("on-chain", "onchain"),
    ],
)
def test_an_identifier_survives_whole(identifier: str, whole: str) -> None:
    assert whole in analyse(f"Il faut {identifier}, then wait.")


@pytest.mark.parametrize(
    ("identifier", "part"),
    [
        ("option_anchors", "anchors"),
        ("channel.db", "channel"),
        ("AddHoldInvoice", "invoice"),
        ("force-close", "close"),
        ("v0.18.3", "0.18"),
        ("lnd.conf", "lnd"),
        ("BOLT#4", "bolt"),
    ],
)
def test_an_identifier_is_found_by_its_parts(identifier: str, part: str) -> None:
    assert set(analyse(part)) <= set(analyse(identifier))


def test_words_without_a_topic_are_left_out_in_both_languages() -> None:
    assert analyse("What is the … of it? Qu'est-ce que c'est, aujourd'hui ?") == []


def test_no_letters_are_lost_between_separators() -> None:
    assert analyse("(node)/[channel]—graph") == analyse("node channel graph")


@settings(deadline=None)
@given(st.text())
def test_terms_are_never_empty_and_hold_no_white_space(text: str) -> None:
    for term in analyse(text):
        assert term
        assert term.split() == [term]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["canal", "d'un", "v0.18.3", "BOLT#4", "sat/vB", "force-close"]), max_size=6))
def test_words_do_not_influence_each_other(words: list[str]) -> None:
    together = analyse(" ; ".join(words))

    assert together == [term for word in words for term in analyse(word)]


def test_threads_get_the_terms_that_one_alone_gets() -> None:
    words = [
        f"{stem}{ending}" for stem in ("rout", "équilibr", "pay", "clos") for ending in ("er", "ing", "age")
    ]
    alone = {f"x{number} {word}": analyse(f"x{number} {word}") for number in range(300) for word in words}
    found: dict[str, list[str]] = {}

    def work(part: list[str]) -> None:
        for text in part:
            found[text] = analyse(text)

    threads = [threading.Thread(target=work, args=(list(alone)[place::4],)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == alone


@pytest.mark.parametrize(
    ("french", "english"),
    [
        ("canal", "channel"),
        ("nœuds", "node"),
        ("frais", "fees"),
        ("sauvegarde", "backup"),
        ("coffre", "vault"),
    ],
)
def test_words_of_the_field_are_translated_both_ways(french: str, english: str) -> None:
    (here,), (there,) = analyse(french), analyse(english)

    assert there in translations(here)
    assert here in translations(there)


def test_a_word_is_not_its_own_translation_and_unknown_ones_have_none() -> None:
    assert translations("lncli") == ()
    for word in ("transaction", "pair", "balance", "support"):
        (term,) = analyse(word)
        assert term not in translations(term)
