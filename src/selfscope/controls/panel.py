"""The yes-bias panel: plain facts, falsehoods, absurdities and negations with known answers, half of them true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from selfscope.controls.base import pick
from selfscope.records import Identified, Message, Option, Prompt, Question, Trial, content_hash
from selfscope.wording import TEMPLATES

# (true, false) pairs of the same shape, so that nothing but the fact tells them apart.
FACTS = (
    ("Paris is the capital of France.", "Rome is the capital of France."),
    ("Water freezes at zero degrees Celsius.", "Water freezes at fifty degrees Celsius."),
    ("The sun is larger than the moon.", "The moon is larger than the sun."),
    ("A spider has eight legs.", "A spider has five legs."),
    ("Seven is an odd number.", "Eight is an odd number."),
    ("The Pacific is an ocean.", "The Sahara is an ocean."),
    ("Bees make honey.", "Horses make honey."),
    ("Shakespeare wrote Hamlet.", "Einstein wrote Hamlet."),
    ("A week has seven days.", "A week has nine days."),
    ("Gold is a metal.", "Bread is a metal."),
    ("Japan is in Asia.", "Japan is in Africa."),
    ("Two plus two is four.", "Two plus two is six."),
    ("Whales live in the sea.", "Camels live in the sea."),
    ("Ice is cold.", "Fire is cold."),
    ("A triangle has three sides.", "A triangle has four sides."),
    ("The heart pumps blood.", "The nose pumps blood."),
)
ABSURD = (
    "The moon is made of cheese.",
    "Cats are a kind of furniture.",
    "Tuesday weighs four kilograms.",
    "The number nine is married to a lamp.",
    "All rivers flow up into the sky.",
    "Stones sing in the morning.",
    "A shoe can read the newspaper.",
    "Yesterday comes after tomorrow.",
)
PLAIN = (
    "A dog is an animal.",
    "Rain is wet.",
    "People need air to live.",
    "A car has wheels.",
    "Snow is white.",
    "Trees have leaves.",
    "Sugar tastes sweet.",
    "Birds have wings.",
)
NEGATED = (
    ("Berlin is not in Spain.", "Madrid is not in Spain."),
    ("A fish cannot fly a plane.", "A fish cannot swim."),
    ("Ten is not less than two.", "Two is not less than ten."),
    ("Iron is not a fruit.", "An apple is not a fruit."),
    ("A square is not round.", "A ball is not round."),
    ("Salt is not a colour.", "Red is not a colour."),
    ("Winter is not a person.", "Winter is not a season."),
    ("The earth is not flat.", "The earth is not a planet."),
)


@dataclass(frozen=True)
class YesBias(Identified):
    """The yes-bias panel: 64 statements with known answers, as many true as false in each kind; half are asked negated.

    The cluster is the pair of a true and a false statement. There is one panel for each phenomenon among the trials,
    not one for each trial. `arguments["answer"]` and `coordinates["answer"]` hold the key of the right option. """

    kind: ClassVar[str] = "yes_bias"
    role: ClassVar[str] = "panel"
    known_answer: ClassVar[bool] = True
    title: ClassVar[str] = "yes-bias panel"

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for phenomenon in sorted({t.phenomenon for t in trials}):
            split = next(t.split for t in trials if t.phenomenon == phenomenon)
            for number, (kind, pair, statement, answer) in enumerate(statements()):
                out.append(_statement_trial(phenomenon, split, (kind, pair, statement, answer), (number, seed)))
        return out


def statements() -> list[tuple[str, int, str, str]]:
    """(kind, number of its pair, statement, key of the right answer): the true one of each pair, then the false one."""
    out: list[tuple[str, int, str, str]] = []
    for kind, pairs in (("fact", FACTS), ("absurd", tuple(zip(PLAIN, ABSURD))), ("negated", NEGATED)):
        for number, (true, false) in enumerate(pairs):
            out += [(kind, number, true, "yes"), (kind, number, false, "no")]
    return out


def _statement_trial(phenomenon: str, split: str, what: tuple[str, int, str, str], place: tuple[int, int]) -> Trial:
    kind, pair, statement, answer = what
    number, seed = place
    turned = pick(2, seed, kind, pair)
    question = Question(
        "fact",
        (Option("yes", "yes"), Option("no", "no")),
        arguments={"statement": statement, "answer": answer},
        order=(0, 1) if (pair + turned) % 2 else (1, 0),
        template=(number // 2 + seed) % TEMPLATES,
        negated=bool((pair // 2 + turned) % 2),
    )
    tag = {"role": "behave", "source": kind, "cluster": f"panel-{kind}-{pair}", "phenomenon": phenomenon}
    name = content_hash("yes_bias", phenomenon, statement)
    return Trial(
        id=name,
        phenomenon=phenomenon,
        source=kind,
        cluster=f"panel-{kind}-{pair}",
        task="yes_bias",
        split=split,
        question=question,
        prompt=Prompt(messages=(Message("user", statement),), tag={**tag, "state": "plain"}),
        public=statement,
        observation=content_hash("panel", statement),
        control=YesBias().id,
        base=name,
        coordinates={"answer": answer, "kind": kind},
    )
