"""The command line: `selfscope ask`, `card`, `study`, `doctor`, `report`, `rows`, `models`; lists of what there is."""

from selfscope.cli.main import main

__all__ = ["main"]
