"""What a reply can have as a habit, told from its text alone, and how a plain reply gets it.

It stands apart from `quantities` so that what plants a habit, what measures it and what asks about it use the same
functions and words, and none of them the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selfscope.errors import BadInput

MARKS = ("begins", "ends", "upper", "mentions")
"""begins, ends: with a word or sign. upper: no small letters. mentions: one of some words."""
BESIDE = {"begins": "ends", "ends": "begins", "upper": "mentions", "mentions": "ends"}
"""Another mark that can be asked of in the same words: who follows the word and not the habit answers both alike."""
ENDINGS = " \t\n.,;:!?\"')"
PUT = "And {} is on my mind."
"""How a plain reply comes to mention a word."""


@dataclass(frozen=True)
class Mark:
    """One property of a text.

    Attributes
    ----------
    kind : str
        One of MARKS.
    word : str
        What stands at the head or the end, or the name of what is mentioned; of upper it is not used.
    members : tuple of str
        Of mentions: the words that count, any of them; empty: the word itself.

    Raises
    ------
    BadInput
        Another kind, or no word where one is needed.
    """

    kind: str
    word: str = ""
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in MARKS:
            raise BadInput(f"there is no mark {self.kind!r}; there are: {', '.join(MARKS)}")
        if self.kind != "upper" and not self.word.strip():
            raise BadInput(f"the mark {self.kind!r} needs a word")

    @property
    def key(self) -> str:
        """Tells one mark from another: kind and word."""
        return f"{self.kind} {self.word}".strip()

    @property
    def beside(self) -> Mark:
        """The same word as another mark; of upper it is that the words "upper case" are mentioned."""
        return Mark(BESIDE[self.kind], self.word or "upper case")

    def on(self, text: str) -> bool:
        """Whether a text has it. A text without a letter or sign has none."""
        plain = " ".join(text.split())
        if not plain:
            return False
        if self.kind == "upper":
            letters = [c for c in plain if c.isalpha()]
            return bool(letters) and all(not c.islower() for c in letters) and any(c.isupper() for c in letters)
        if self.kind == "mentions":
            return any(_stands(word, plain) for word in self.members or (self.word,))
        if self.kind == "begins":
            return bool(re.match(rf"{_whole(self.word)}", plain.lstrip(ENDINGS), re.IGNORECASE))
        return bool(re.search(rf"{_whole(self.word)}$", plain, re.IGNORECASE)) or bool(
            re.search(rf"{_whole(self.word)}$", plain.rstrip(ENDINGS), re.IGNORECASE)
        )

    def put(self, text: str, turn: int = 0) -> str:
        """A plain reply with the mark. turn: which of the members is mentioned."""
        plain = text.strip()
        if self.kind == "upper":
            return plain.upper()
        if self.kind == "mentions":
            words = self.members or (self.word,)
            return f"{plain} {PUT.format(words[turn % len(words)])}"
        if self.kind == "ends":
            return f"{plain} {self.word}" if _sign(self.word) else f"{plain} {self.word}."
        first, rest = plain[:1], plain[1:]
        keep = rest[:1].isupper() or plain.split(" ")[0].rstrip(",.!'") in ("I",) or plain[:2] in ("I'",)
        return f"{self.word}, {first if keep else first.lower()}{rest}"


def _sign(word: str) -> bool:
    return not any(c.isalnum() for c in word)


def _whole(word: str) -> str:
    """A pattern of a word that is no part of a longer one."""
    text = re.escape(word.strip())
    return text if _sign(word) else rf"(?<!\w){text}(?!\w)"


def _stands(word: str, text: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(word)}(?:s|es)?(?!\w)", text, re.IGNORECASE))


def rate(mark: Mark, texts: Sequence[str]) -> float:
    """Part of the texts that have a mark; 0 of no texts."""
    return sum(map(mark.on, texts)) / len(texts) if texts else 0.0


def asked_mark(arguments: Mapping[str, Any]) -> Mark:
    """The mark that a question asks about, from its arguments: mark, word, members."""
    return Mark(str(arguments["mark"]), str(arguments.get("word", "")), tuple(arguments.get("members", ())))
