"""Does it notice that its state was changed, whatever it can say of the change?

Two yes/no questions are asked under a changed state and under a sham: whether something earlier changed what the
subject does, and a plain fact. A subject that says yes more often behind any hidden turns says so under the sham too;
one that the change makes say yes says yes to the fact as well (verdict, section 5, row 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.controls.base import movable, pick
from selfscope.controls.panel import statements
from selfscope.controls.states import sham_turns, state_of, under
from selfscope.quantities import YES_NO
from selfscope.records import Identified, Question, Trial


@dataclass(frozen=True)
class Alarm(Identified):
    """Asks whether the state was changed, and a plain fact beside it, under a changed state and under a sham.

    Four trials for each that a state can move, by their arm: `changed` and `sham` ask whether the state was changed,
    under the state that `Changed(k)` gives and under that of `Sham`; `fact_changed` and `fact_sham` ask a plain fact
    there. True and false facts, and negated wordings, take turns.

    Parameters
    ----------
    k
        Which changed state; see `Changed`.
    """

    kind: ClassVar[str] = "alarm"
    role: ClassVar[str] = "alarm"
    known_answer: ClassVar[bool] = True
    title: ClassVar[str] = "asked whether its state was changed"
    k: int = 0

    def apply(self, trials: Sequence[Trial], seed: int) -> list[Trial]:
        out = []
        for number, trial in enumerate(filter(movable, trials)):
            state, turns = state_of(trial, self.k, seed)
            hidden = {"changed": (turns, state), "sham": (sham_turns(trial, seed), "sham")}
            for lead, question, answers in _questions(trial, number, seed):
                for (ending, (messages, name)), answer in zip(hidden.items(), answers, strict=True):
                    where = {**trial.coordinates, "answer": answer}
                    asking = replace(trial, question=question, coordinates=where)
                    altered = under(asking, messages, self.id, name, arm=f"{lead}{ending}")
                    if altered is not None:
                        out.append(altered)
        return out


def _questions(trial: Trial, number: int, seed: int) -> list[tuple[str, Question, tuple[str, str]]]:
    """(beginning of the arm, question, the right answers under the changed state and under the sham)."""
    pool = statements()
    _, _, statement, answer = pool[2 * pick(len(pool) // 2, seed, "alarm", trial.cluster) + number % 2]
    template, order = trial.question.template, ((0, 1), (1, 0))[number // 4 % 2]
    negated = bool(number // 2 % 2)
    plain = Question("alarm", YES_NO, template=template, order=order, negated=negated)
    # The right word for the fact is the right one where nothing was changed: who only says yes, or knows nothing any
    # more, moves from there just as far in both.
    turned = (answer == "yes") != negated
    fact = replace(plain, quantity="fact", arguments={"statement": statement, "answer": answer}, negated=turned)
    return [("", plain, ("yes", "no")), ("fact_", fact, (answer, answer))]
