"""The card: rows and claims of a folder as one page, drawn twice (HTML and terminal). No model, no torch."""

from selfscope.report.folder import FINDINGS, Drawn, draw, write

__all__ = ["FINDINGS", "Drawn", "draw", "write"]
