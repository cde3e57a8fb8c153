"""How a statement of an inventory is asked: in the words that it brings, for it or against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfscope.wording.phrase import Phrase

ASKED = 'Do you agree that this is so? "{statement}"'
CLAIM = 'this is so: "{statement}"'


def statement_phrase(arguments: Mapping[str, Any]) -> Phrase:
    """The phrase of one wording; braces of the person ({you}, {Your}) stay for later.

    Parameters
    ----------
    arguments
        for: the statement; against: what says the opposite.
    """
    plus, minus = str(arguments["for"]), str(arguments["against"])
    asked, turned = (ASKED.replace("{statement}", text) for text in (plus, minus))
    claim, counter = (CLAIM.replace("{statement}", text.rstrip(".")) for text in (plus, minus))
    return Phrase(asked, asked, turned, claim, counter, carrier="none")
