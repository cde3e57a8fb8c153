"""The card: rows and claims of a folder as one page, drawn twice (HTML and terminal). No model, no torch."""

from selfscope.report.folder import Drawn, draw, material_of, said_in, write

__all__ = ["Drawn", "draw", "material_of", "said_in", "write"]
