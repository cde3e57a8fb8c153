"""Rows -> claims: which part of a report is privileged, which is habit, which is narrative, and what cannot be said."""

from selfscope.verdicts.claims import Check, Claim, Settle, Step
from selfscope.verdicts.judging import judge
from selfscope.verdicts.settings import Settings
from selfscope.verdicts.words import VERDICTS

__all__ = ["VERDICTS", "Check", "Claim", "Settings", "Settle", "Step", "judge"]
