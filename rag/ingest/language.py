"""French or English, told by function words. Pure."""

from __future__ import annotations

import re
from collections import Counter

_MARKS = {
    "fr": """
        le les des une est et dans pour avec qui pas sur vous nous sont cette ces ce cet où être aux au du
        par plus mais ne sans votre vos notre leur elle ils il peut peuvent fait comme tout tous même aussi
        donc lorsque afin ainsi entre après avant depuis chez quel quelle quels quelles pourquoi quand
        combien comment je mon ma mes j l d qu n c un de la que
    """,
    "en": """
        the and of to is that with for this are be not which from by have was it on as an or if can will
        your you we they their has its but when what how why where who should does do did my i there than
        then into been would could a in at these those must may
    """,
    "es": """
        el los las una es y en para con que no por su se lo como más pero sus este esta está son del al
        cuando muy sin sobre también cómo qué si puede hay la de un
    """,
    "pt": """
        o os as uma é e em para com que não por seu sua se como mais mas este esta está são do da dos das ao
        quando muito sem sobre também você no na um de
    """,
    "it": """
        il lo gli una è e in per con che non di da del della dei delle si come più ma questo questa sono al
        alla quando molto senza su anche nel nella può un la le i
    """,
    "de": """
        der die das und ist nicht ein eine mit für von zu den dem auf im sich auch als wird bei sind nach
        oder wie aus sie kann wenn werden ich wir es
    """,
    "nl": """
        de het een en van is niet met voor op te dat die zijn in ook als wordt bij aan naar of hoe uit kan
        worden ik wij er
    """,
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _words in _MARKS.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _language)
FUNCTION_WORDS = frozenset(f"{_MARKS['fr']} {_MARKS['en']}".split())
_WORD = re.compile(r"[^\W\d_]+")
_SAMPLE = 30_000
_MIN_SHARE = 0.08
_MIN_SHARE_LONG = 0.03
"""Of all words; lower in long texts, where code and commands thin the function words out."""
_MARGIN = 1.25


def detect_language(text: str) -> str:
    """Return "fr", "en", or "" when unsure or when it is another language."""
    words = [word.lower() for word in _WORD.findall(_sample(text))]
    scores: Counter[str] = Counter()
    for word in words:
        scores.update(_LANGUAGES_OF.get(word, ()))
    ranking = [*scores.most_common(2), ("", 0), ("", 0)]
    (best, hits), (_, rival_hits) = ranking[:2]
    share = _MIN_SHARE if len(words) < 200 else _MIN_SHARE_LONG
    if best not in ("fr", "en") or hits < share * len(words):
        return ""
    return best if hits >= _MARGIN * rival_hits else ""


def _sample(text: str) -> str:
    """Return the text, or three pieces of a long one: a foreign preface or licence does not decide alone."""
    if len(text) <= _SAMPLE:
        return text
    piece = _SAMPLE // 3
    middle = (len(text) - piece) // 2
    return " ".join((text[:piece], text[middle : middle + piece], text[-piece:]))
