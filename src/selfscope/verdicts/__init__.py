"""Rows -> claims: which part of a report is privileged, which is habit, which is narrative, and what cannot be said."""

from selfscope.verdicts.claims import VERDICTS, Check, Claim, Step
from selfscope.verdicts.judging import judge
from selfscope.verdicts.settings import Settings

__all__ = ["VERDICTS", "Check", "Claim", "Settings", "Step", "judge"]
