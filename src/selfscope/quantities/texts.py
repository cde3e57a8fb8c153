"""Words and numbers of a text, written so that alike ones are equal."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_EMPTY = """a an the my your our his her its this that to of in on at for with by from as is are was be it i you we they
he she and or but so very really quite probably definitely certainly simply just always usually called named one some
would will can could should am s m ll re ve d well sure"""
_EMPTY_WORDS = frozenset(_EMPTY.split())


@lru_cache(maxsize=65536)
def plain_text(text: str) -> str:
    """Case-folded, without accents, with single spaces."""
    folded = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return " ".join("".join(c for c in folded if not unicodedata.combining(c)).split())


def words(text: str) -> list[str]:
    """Words and whole numbers of a text, case-folded; apostrophes join ("don't" is "dont")."""
    return re.findall(r"[^\W_]+", plain_text(text).replace("'", ""))


def numbers(text: str) -> list[float]:
    """Numbers written in digits: thousands commas removed, a minus sign only where no digit or word precedes it."""
    joined = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?|(?<=[^\W\d_])\d+", joined)]


def first_content_word(text: str) -> str:
    """How a continuation ends, as one word: the first that carries content ("a ripe banana, as..." is "ripe").

    Empty where nothing is said.
    """
    line = next((line for line in text.splitlines() if line.strip()), "")
    return next((word for word in words(line) if word not in _EMPTY_WORDS), "")
