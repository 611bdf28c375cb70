"""What a question asks for: its kind, and whether a text holds an answer of that kind. French and English. Pure."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """What would answer a question."""

    DEFINITION = "definition"
    HOW_TO = "how_to"
    HOW = "how"
    WHY = "why"
    WHEN = "when"
    WHO = "who"
    WHERE = "where"
    HOW_MANY = "how_many"
    YES_NO = "yes_no"
    OTHER = "other"


_QUANTITY = (
    r"nombre|taille|montant|prix|coût|taux|durée|pourcentage|population|superficie|distance|vitesse|température|"
    r"limite|valeur|maximum|minimum|plafond|number|size|amount|price|cost|rate|percentage|limit|value|length|height"
)
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    (
        Kind.WHEN,
        r"\bquand\b|\bwhen\b|\b(?:en |de |à )?quel(?:le)?s? (?:années?|dates?|siècle|jour|mois|époque)\b|"
        r"\b(?:what|which) (?:year|date|century|day|month)\b",
    ),
    (
        Kind.HOW_MANY,
        r"\bcombien\b|\bhow (?:many|much|long|far|often|fast|old|large|big|small|tall|high)\b|"
        rf"\bquel(?:le)?s? (?:est|sont|était|fut) (?:le |la |les |l')?(?:{_QUANTITY})\b|"
        rf"\bwhat (?:is|was|are|were) the (?:\w+ )?(?:{_QUANTITY})\b",
    ),
    (
        Kind.DEFINITION,
        r"\bqu'est[- ]ce qu(?:e|')|\bc'est quoi\b|\b(?:que|qu'est[- ]ce que) (?:signifie|veut dire|désigne)|"
        r"\bdéfini(?:tion|r|s)\b|\bdefin(?:e|ition)\b|\bwhat (?:does|do) .{1,60}\b(?:mean|stand for)\b|"
        r"^(?:so |and )?what(?: is|'s| are) (?:an? |the )?[\w'’\-/ ]{1,50}\?*$",
    ),
    (
        Kind.HOW_TO,
        r"\bcomment (?:puis-je |peut-on |dois-je |faut-il |faire pour |je (?:peux |dois )|on (?:peut )|bien |ne pas )*"
        r"(?:s'|se |me |m'|l'|le |la |les |y |en )?[^\W\d_]{2,}(?:er|ir|oir|re)\b|"
        r"\bhow (?:do|can|should|could|would) (?:i|we|you|one|users?|operators?)\b|\bhow to\b|"
        r"\b(?:quelle commande|which command|what command|étapes|steps)\b",
    ),
    (Kind.HOW, r"\bcomment\b|\bhow\b|\bde quelle (?:manière|façon)\b"),
    (
        Kind.WHY,
        r"\bpourquoi\b|\bwhy\b|\bpour quelles? raisons?\b|\bwhat (?:is|are) the (?:reasons?|purpose)\b",
    ),
    (
        Kind.WHERE,
        r"\boù\b|\bwhere\b|\bdans quel(?:le)? (?:ville|pays|région|lieu)\b|\bwhat (?:city|country|place)\b",
    ),
    (Kind.WHO, r"\bqui (?!est-ce qu)\b|^qui\b|\bwho\b|\bwhom\b|\bwhose\b"),
    (
        Kind.YES_NO,
        r"^(?:est-ce|peut-on|puis-je|dois-je|faut-il|y a-t-il|is|are|can|could|does|do|did|should|would|will|was|"
        r"were|has|have|am|may|must)\b|^[\w' ]+-t?-?(?:il|elle|on|ils|elles|je)\b",
    ),
)
_KINDS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _PATTERNS)

_MONTHS = (
    r"janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre|january|february|march|"
    r"april|may|june|july|august|september|october|november|december"
)
_NUMBER_WORDS = (
    r"deux|trois|quatre|cinq|six|sept|huit|neuf|dix|douze|vingt|cent|mille|millions?|milliards?|two|three|four|five|"
    r"seven|eight|nine|ten|twelve|twenty|hundred|thousand|billion|dozen|once|twice"
)
_DURATIONS = (
    r"blocs?|secondes?|minutes?|heures?|jours?|semaines?|mois|ans|années|blocks?|seconds?|hours?|days?|weeks?|months?|"
    r"years?|après|before|after|avant|until|lorsque|once|dès que|chaque fois|whenever|when|quand"
)
_SIGNS: dict[Kind, re.Pattern[str]] = {
    kind: re.compile(pattern, flags)
    for kind, pattern, flags in (
        (Kind.WHEN, rf"\b(?:1\d{{3}}|20\d\d)\b|\b(?:{_MONTHS}|siècle|century|{_DURATIONS})\b", re.IGNORECASE),
        (Kind.HOW_MANY, rf"\d|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
        (Kind.WHO, r"(?<=[\w,;:(«“] )[A-ZÀ-Þ][\w'’-]+", 0),
        (
            Kind.WHERE,
            r"(?<=[\w,;:(«“] )[A-ZÀ-Þ][\w'’-]+|[~/]\w+/|\bdans\b|\bin\b|\bat\b|\bsous\b|\bunder\b",
            0,
        ),
        (
            Kind.WHY,
            r"\b(?:parce|car|afin|pour|grâce|causes?|raisons?|permet\w*|évit\w+|because|since|due to|in order|so that|"
            r"therefore|reasons?|prevents?|avoids?|allows?|ensures?|sinon|otherwise|would|puisque|faute de)\b",
            re.IGNORECASE,
        ),
        (
            Kind.HOW_TO,
            r"^\s*(?:[-*•]|\d+[.)])\s|`|\b\w+-cli\b|\blncli\b|\b(?:avec|via|by|using|through|utilis\w+|use|run|lance[rz]?|"
            r"exécute[rz]?|commandes?|commands?|étapes?|steps?|d'abord|ensuite|puis|first|then|faut|devez|must|should)\b|"
            r"^\w+(?:ez|er|ir)\b",
            re.IGNORECASE | re.MULTILINE,
        ),
    )
}
_COPULA = re.compile(
    r"\b(?:est|sont|désigne(?:nt)?|signifie(?:nt)?|s'appelle|consiste|permet(?:tent)?|sert|représente(?:nt)?|is|are|"
    r"means?|refers? to|stands? for|allows?|represents?|describes?|consists?|lets?|denotes?)\b|(?<=\w) ?[:=—–] ",
    re.IGNORECASE,
)


def kind_of(question: str) -> Kind:
    """Return what a question asks for; ``OTHER`` where no pattern fits."""
    text = " ".join(question.replace("’", "'").split())
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), Kind.OTHER)


def holds_answer(kind: Kind, text: str) -> bool:
    """Return whether a text holds something of the kind asked for: a date, a number, a name. Any text does for most."""
    sign = _SIGNS.get(kind)
    return sign is None or sign.search(text) is not None


def definition_head(sentence: str) -> str:
    """Return what a sentence defines, if it reads as "X is ...": the words before the verb; otherwise ""."""
    found = _COPULA.search(sentence, 0, 140)
    head = sentence[: found.start()] if found else ""
    return head if len(head.split()) <= 9 else ""
