"""How a statement of an inventory is asked: in the words that it brings, for it or against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from selfscope.wording.phrase import Phrase

ASKED = 'Do you agree that this is so? "{statement}"'
DESCRIBED = 'What does it say of this? "{statement}"'
CLAIM = 'this is so: "{statement}"'


def statement_phrase(arguments: Mapping[str, Any]) -> Phrase:
    """The phrase of one wording; braces of the person ({you}, {Your}) stay for later.

    Parameters
    ----------
    arguments
        for: the statement; against: what says the opposite. One that lacks is asked for where the phrase is filled in.
    """
    plus, minus = (str(arguments.get(name, f"{{{name}}}")) for name in ("for", "against"))
    asked, turned = (ASKED.replace("{statement}", text) for text in (plus, minus))
    claim, counter = (CLAIM.replace("{statement}", text.rstrip(".")) for text in (plus, minus))
    return Phrase(asked, asked, turned, claim, counter, carrier="none")


def described_phrase(arguments: Mapping[str, Any]) -> Phrase:
    """The phrase that asks what a text says of a statement.

    Parameters
    ----------
    arguments
        for: the statement.
    """
    return Phrase(DESCRIBED.replace("{statement}", str(arguments.get("for", "{for}"))), carrier="material")


STATEMENTS: Mapping[str, Callable[[Mapping[str, Any]], Phrase]] = {
    "statement": statement_phrase, "described": described_phrase,
}  # fmt: skip
"""By quantity: its phrase, from the question's arguments."""
