"""The product of a study: subject x phenomena x readers x controls, cell by cell, into a store."""

from selfscope.study.base import PhenomenonPlan, Study
from selfscope.study.running import Progress, run

__all__ = ["PhenomenonPlan", "Progress", "Study", "run"]
