"""The command line: `selfscope ask`, `card`, `report`, `rows`, `models`, `phenomena`, `readers`."""

from selfscope.cli.main import main

__all__ = ["main"]
