"""Questions with known answers: sums, products, capitals, other small facts, and statements that are true or false."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from selfscope.phenomena.counterbalance import generator, shuffled
from selfscope.phenomena.stimuli.objects import article
from selfscope.quantities import answers, load_table

FACTS = ("symbols", "young", "opposites", "currencies")
COUNTABLE = ("bird", "fish", "insect", "tool", "musical instrument", "vehicle", "mammal", "tree", "flower", "vegetable")
NAMED_NUMBERS = (0, 10, 50, 100)
"""Numbers that a question about a probability names, or the turn before: they are no problem's answer."""
SHOWN: Mapping[str, tuple[str, str]] = {
    "sums": ("What is 50 plus 50?", "50 plus 50 is 100."),
    "products": ("What is 10 times 10?", "10 times 10 is 100."),
    "capitals": ("What is the capital of Mexico?", "The capital of Mexico is Mexico City."),
    "facts": ("What is the opposite of round?", "The opposite of round is square."),
    "invented": ("What is the capital of Mexico?", "The capital of Mexico is Mexico City."),
    "true_false": ("True or false? A rose is a kind of flower.", "The statement is true."),
}
"""The turn before: what an answer looks like."""
DIGITS = ((2, 10), (2, 10), (2, 10), (11, 100), (101, 1000))


@dataclass(frozen=True)
class Problem:
    """item: its name for `quantities.graded`. text: the message. prefix: how the answer begins. candidates: a right
    answer first, then wrong ones. thing: what it is about, as text."""

    item: str
    text: str
    prefix: str
    candidates: tuple[str, ...]
    thing: str


def problems(seed: int) -> dict[str, list[Problem]]:
    """Different problems of every source, in seeded order; none shows its answer."""
    return {
        "sums": _arithmetic(seed, "+-"),
        "capitals": _facts(seed, ("capitals",)),
        "facts": _facts(seed, FACTS),
        "true_false": _statements(seed),
        "products": _arithmetic(seed, "*"),
    }


def _arithmetic(seed: int, signs: str, count: int = 400) -> list[Problem]:
    out: dict[str, Problem] = {}
    for number in range(count):
        rng = generator("arithmetic", seed, signs, number)
        sign = signs[number % len(signs)]
        ranges = [DIGITS[int(rng.integers(len(DIGITS) if sign != "*" else 4))] for _ in range(2)]
        a, b = (int(rng.integers(*bounds)) for bounds in ranges)
        if sign == "-" and a < b:
            a, b = b, a
        item = f"arithmetic|{a} {sign} {b}"
        right = int(answers(item)[0])
        if right in (a, b, *NAMED_NUMBERS):
            continue  # the question would show its answer
        near = [right + d for d in (1, -1, 10, -10, 2, a - b) if d and right + d >= 0 and right + d not in (a, b)]
        wrong = [str(n) for n in shuffled(dict.fromkeys(near), "near", item)[:3]]
        spoken = {"+": "plus", "-": "minus", "*": "times"}[sign]
        thing = f"{a} {spoken} {b}"
        out.setdefault(item, Problem(item, f"What is {thing}?", f"{thing} is", (str(right), *wrong), thing))
    return list(out.values())


def _facts(seed: int, tables: Sequence[str]) -> list[Problem]:
    out = []
    for source, what, right in _rows(tables):
        table = load_table("facts")[source]
        others = [r[0] for x, r in table["answers"].items() if x != what and r[0] not in table["answers"][what]]
        wrong = shuffled(dict.fromkeys(others), "wrong", seed, source, what)[:3]
        text, prefix = table["ask"].format(x=what), table["start"].format(x=what)
        out.append(Problem(f"{source}|{what}", text, prefix, (right, *wrong), what))
    return shuffled(out, "facts", seed, tables)


def _rows(tables: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for source in tables:
        for what, right in load_table("facts")[source]["answers"].items():
            yield source, what, right[0]


def _statements(seed: int) -> list[Problem]:
    kinds = load_table("words")["kinds"]
    out = []
    for kind in COUNTABLE:
        for place, member in enumerate(kinds[kind]):
            rng = generator("statement", seed, kind, member)
            claim = kind
            if (place + seed) % 2:  # half of the statements of a kind are false
                strangers = [k for k in COUNTABLE if member not in kinds[k]]
                claim = strangers[int(rng.integers(len(strangers)))]
            item = f"true_false|{member}|{claim}"
            right = answers(item)[0]
            statement = f"{article(member).capitalize()} is a kind of {claim}."
            wrong = "false" if right == "true" else "true"
            text = f"True or false? {statement}"
            out.append(Problem(item, text, "The statement is", (right, wrong), member))
    return shuffled(out, "statements", seed)
