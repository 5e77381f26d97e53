"""When alignment across wells pays: what to take for a screen, by what the map of simulated screens has shown.

The rule is :func:`advise`. What it knows lies in one table, `evidence.csv`, that studies write.
"""

from cwamsn.advice.evidence import COST, TITLES, check_evidence, read_evidence
from cwamsn.advice.rule import Advice, Comparison, advise, compared
from cwamsn.advice.sentences import advice_of, brief_advice, pays, table
from cwamsn.advice.situation import Situation, shares_places, situation_of

__all__ = [
    "COST",
    "TITLES",
    "Advice",
    "Comparison",
    "Situation",
    "advice_of",
    "advise",
    "brief_advice",
    "check_evidence",
    "compared",
    "pays",
    "read_evidence",
    "shares_places",
    "situation_of",
    "table",
]
