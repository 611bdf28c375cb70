"""Words that carry no topic, in French and in English, lower case with accents."""

from __future__ import annotations

_FRENCH = """
à afin ai aie aient aies ainsi ait alors après as au aucun aucune aujourd'hui auprès auquel aura aurai
auraient aurais aurait auras aurez auriez aurions aurons auront aussi autre autres aux auxquelles auxquels
avaient avais avait avant avec avez aviez avions avoir avons ayant ayez ayons beaucoup bien c car ce ceci ça
cela celle celles celui cependant ces cet cette ceux chacun chacune chaque chez ci combien comme comment d
dans de depuis des desquelles desquels dès devaient devait devoir devrait doit doivent donc dont du duquel
elle elles en encore entre es est et étaient étais était étant été êtes être eu eue eues eurent eus eut eux
fait faire fais font furent fut hors ici il ils j je jusque l la là laquelle le lequel les lesquelles lesquels
leur leurs lors lorsque lui m ma mais me même mêmes mes mien mienne miens moi moins mon n ne ni non nos
notre nous on ont or ou où par parce pas pendant peu peut peuvent peux plus plusieurs plutôt pour pourquoi
pourrait pouvait pouvez pouvoir pouvons puis puisque qu quand que quel quelle quelles quelque quelques quels
qui quoi quoique s sa sans se sera serai seraient serais serait seras serez seriez serions serons seront ses
si sien sienne soi soient sois soit sommes son sont sous suis sur t ta tandis te tel telle telles tels tes
toi ton toujours tous tout toute toutes très trop tu un une vers vos votre vous y
"""

_ENGLISH = """
a about above after again all also although am an and any are as at be because been before being below
between both but by can cannot could did do does doing done down during each either else ever few for from
further get gets getting got had has have having he hence her here hers herself him himself his how however
i if in into is it its itself just let lets like many may me might more most much must my myself neither no
nor not now of off often on once one only onto or other others our ours ourselves out over own per rather
same shall she should since so some still such than that the their theirs them themselves then there
therefore these they this those though through thus to too under until up upon us very was we were what when
where whether which while who whom whose why will with within without would yet you your yours yourself
yourselves s t d ll m re ve don doesn didn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn
"""

STOP_WORDS: frozenset[str] = frozenset((_FRENCH + _ENGLISH).split())
"""Both lists together: a passage need not be told which language it is in."""
