"""The application: its name, its help, its version."""

from __future__ import annotations

from cyclopts import App

from selfscope.api.loading import forms

EXAMPLES = f"""
For example:

    selfscope ask smollm2-135m "Do you prefer tea or coffee?" --options tea,coffee

    selfscope card smollm2-135m                     # quick card in ./card

    selfscope card phantom --phenomena confidence -o /tmp/phantom

    selfscope card MODEL --dry-run                  # calls, tokens, minutes, memory before spending

    selfscope rows card --to csv

MODEL is one of: {forms()}.
"""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("selfscope")
    except PackageNotFoundError:
        return "source"


app = App(
    name="selfscope",
    help="Ask a language model about itself, and find out whether to believe the answer.\n" + EXAMPLES,
    help_format="plaintext",
    version_flags=["--version"],
    version=_version,
    suppress_keyboard_interrupt=False,
)
