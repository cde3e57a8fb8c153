"""Questions that nobody can answer: about countries, elements and animals whose names were made up.

A name is put together by the seed, and is none that the packaged tables know; that no book has it cannot be checked.
"""

from __future__ import annotations

from functools import lru_cache

from selfscope.phenomena.counterbalance import generator
from selfscope.phenomena.stimuli.problems import Problem
from selfscope.quantities import INVENTED, load_table

SHOWN_AS_UNKNOWN = "Zorvania"
"""The name that stands in the turn that shows how to decline: it is asked of nobody."""
_BEGINS = ("bre", "dal", "fen", "gor", "hes", "kel", "lun", "mar", "nos", "ost", "pel", "quo", "ruv", "sil", "tar",
           "ulv", "vel", "wen", "yar", "zim")  # fmt: skip
_MIDDLES = ("bo", "da", "fu", "ga", "ki", "lo", "mi", "no", "ru", "se", "ti", "vu")
_ENDS = {"country": ("dria", "land", "mora", "nesia", "stan", "via"), "animal": ("bat", "dil", "lop", "nox", "pard"),
         "town": ("burg", "dar", "grad", "polis", "ton")}  # fmt: skip
_ASKED = (
    ("country", "What is the capital of {x}?", "The capital of {x} is"),
    ("country", "What is the currency of {x}?", "The currency of {x} is the"),
    ("animal", "What is a young {x} called?", "A young {x} is called a"),
)


def unknowable(seed: int, count: int) -> list[Problem]:
    """Different questions about things that do not exist; their candidates are made up too, and none is right.

    Parameters
    ----------
    seed
        Of the names.
    count
        How many.
    """
    out: dict[str, Problem] = {}
    number = 0
    while len(out) < count:
        kind, ask, start = _ASKED[number % len(_ASKED)]
        name = made_up(kind, "thing", seed, number)
        answers = tuple(made_up("town", "answer", seed, number, k) for k in range(3))
        if name != SHOWN_AS_UNKNOWN and name.casefold() not in _known() and len({*answers}) == len(answers):
            item = f"{INVENTED}|{name}"
            out.setdefault(item, Problem(item, ask.format(x=name), start.format(x=name), answers, name))
        number += 1
    return list(out.values())


def made_up(kind: str, *key: object) -> str:
    """A made-up name of a country or a town, with a capital letter, or of an animal."""
    rng = generator("invented", kind, *key)
    parts = (_BEGINS, _MIDDLES, _ENDS[kind])
    name = "".join(part[int(rng.integers(len(part)))] for part in parts)
    return name if kind == "animal" else name.capitalize()


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """Every name that the packaged tables ask about or accept as an answer."""
    names = {str(a) for table in load_table("facts").values() for x, own in table["answers"].items() for a in (x, *own)}
    members = {str(m) for own in load_table("words")["kinds"].values() for m in own}
    return frozenset(name.casefold() for name in names | members)
