"""Questions that an operator may ask, one list a language: what they have in common is how a question looks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rag.values import Matrix, Vector

QUESTIONS: dict[str, tuple[str, ...]] = {
    "fr": (
        "Comment équilibrer un canal ?",
        "Pourquoi mon paiement a-t-il échoué ?",
        "Quelle est la différence entre une fermeture coopérative et une fermeture forcée ?",
        "Combien de temps faut-il attendre après une fermeture forcée ?",
        "Comment sauvegarder l'état de mes canaux ?",
        "Que se passe-t-il si mon nœud reste hors ligne longtemps ?",
        "Peut-on ouvrir un canal sans fonds sur la chaîne ?",
        "Comment choisir les frais de routage ?",
        "À quoi sert une tour de guet ?",
        "Quels ports faut-il ouvrir pour un nœud Lightning ?",
        "Pourquoi ma transaction reste-t-elle non confirmée ?",
        "Comment fonctionne le routage en oignon ?",
        "Qu'est-ce qu'une facture BOLT 11 ?",
        "Est-il possible d'augmenter les frais d'une transaction déjà envoyée ?",
        "Comment recevoir un paiement sans liquidité entrante ?",
        "Quelle est la taille maximale d'un canal ?",
        "Comment restaurer un portefeuille à partir de la phrase de récupération ?",
        "Pourquoi les canaux publics sont-ils annoncés ?",
        "Qu'est-ce que le dépôt de garantie d'un canal ?",
        "Comment vérifier qu'un paiement a bien été reçu ?",
        "Quel est l'avantage de Taproot pour les canaux ?",
        "Les adresses Bitcoin peuvent-elles être réutilisées ?",
        "Comment un nœud complet valide-t-il un bloc ?",
        "Pourquoi y a-t-il une réserve dans chaque canal ?",
        "Comment changer l'alias de mon nœud ?",
        "Que signifie l'erreur « temporary channel failure » ?",
        "Faut-il chiffrer les sauvegardes du nœud ?",
        "Comment mettre à jour LND sans risque ?",
        "Est-ce que Tor ralentit les paiements ?",
        "Comment trouver de bons pairs pour mes canaux ?",
    ),
    "en": (
        "How do I rebalance a channel?",
        "Why did my payment fail?",
        "What is the difference between a cooperative close and a force close?",
        "How long do I have to wait after a force close?",
        "How do I back up the state of my channels?",
        "What happens if my node stays offline for a long time?",
        "Can I open a channel without on-chain funds?",
        "How should I choose my routing fees?",
        "What is a watchtower for?",
        "Which ports must be open for a Lightning node?",
        "Why does my transaction stay unconfirmed?",
        "How does onion routing work?",
        "What is a BOLT 11 invoice?",
        "Is it possible to bump the fee of a transaction that was already sent?",
        "How can I receive a payment without inbound liquidity?",
        "What is the maximum size of a channel?",
        "How do I restore a wallet from its recovery phrase?",
        "Why are public channels announced?",
        "What is the channel reserve?",
        "How can I check that a payment has arrived?",
        "What is the advantage of taproot for channels?",
        "Can Bitcoin addresses be reused?",
        "How does a full node validate a block?",
        "Why is there a reserve in each channel?",
        "How do I change the alias of my node?",
        'What does the error "temporary channel failure" mean?',
        "Should backups of the node be encrypted?",
        "How do I upgrade LND safely?",
        "Does Tor make payments slower?",
        "How do I find good peers for my channels?",
    ),
}


LANGUAGES = tuple(QUESTIONS)
"""Language of each row of ``question_centres``."""


def question_centres(embed_query: Callable[[str], Vector]) -> Matrix:
    """Mean vector of ``QUESTIONS``, a row for each language, for ``EmbeddedIndex.question_centres``.

    Worth its some sixty calls where the embedder is at hand and its vectors lie in a narrow cone (e5 does so).
    """
    return np.stack([np.mean([embed_query(text) for text in texts], axis=0) for texts in QUESTIONS.values()])
