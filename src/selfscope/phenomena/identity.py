"""What is it, who made it, how large is it, what is it used for: facts of itself against its own configuration.

The truth is what its configuration says, or a card that is given; what neither says is not asked. The same options are
asked again behind system prompts (of another model, a true one, a neutral one), without a question, about a person and
about another model: what a system prompt explains, and what the words carry alone, is told beside (blackbox F6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from selfscope.errors import BadInput
from selfscope.phenomena.counterbalance import shuffled
from selfscope.phenomena.rollouts import by_key, distinct, known
from selfscope.phenomena.stimuli.identity_card import with_card
from selfscope.phenomena.stimuli.identity_facts import (
    FACTS,
    WORLD,
    Fact,
    listed,
    other_than,
)
from selfscope.phenomena.stimuli.sad import read_sad
from selfscope.records import (
    REAL,
    TEMPLATES,
    Identified,
    Message,
    Observation,
    Option,
    Prompt,
    Question,
    Trial,
    Truth,
    content_hash,
)
from selfscope.records.description import TESTED, description_of, facts_of
from selfscope.subjects.base import Subject

LISTED = 4
PERSON = "Alex"
NEUTRAL = "You are a helpful assistant."
OTHERS = ("listed", "somebody", "named_other")
"""Arms that ask nothing about the subject: no truth is theirs."""


@dataclass(frozen=True)
class Identity(Identified):
    """Facts of itself. A cluster is a fact: there are few, and a card says what could have been seen of so few.

    Parameters
    ----------
    card
        Path of a JSON object with fields of `records.description.Description`: what its own files do not say.
    sad
        Path of questions in the layout of the Situational Awareness Dataset (a file or a folder), which is not shipped.
    each
        Orders of the options in which everything is asked, each in turn first.

    Raises
    ------
    BadInput
        Less than one order.

    References
    ----------
    Laine et al. 2024, Me, Myself, and AI: The Situational Awareness Dataset (SAD) for LLMs.
    """

    card: str = ""
    sad: str = ""
    each: int = LISTED
    kind: ClassVar[str] = "identity"
    title: ClassVar[str] = "Identity"
    asks: ClassVar[str] = "What does it know of what it is, and what of that comes from a system prompt?"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free")
    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.each < 1:
            raise BadInput(f"each is a number of orders from 1 on, not {self.each}")

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Every fact that has a truth, in every arm; facts about the world; the file's questions. Nobody acts."""
        true = self._true(subject)
        facts = [fact for fact in FACTS if fact.name in true]
        told = {fact.name: other_than(fact, true.get(fact.name), seed) for fact in FACTS}
        prompts = {
            "told_other": " ".join(f.stated.format(value=told[f.name]) for f in FACTS if f in facts or f is FACTS[0]),
            "told_true": " ".join(f.stated.format(value=true[f.name]) for f in facts),
            "neutral": NEUTRAL,
        }
        trials = []
        for fact in facts:
            texts = listed(fact, true[fact.name], LISTED, seed)
            if told[fact.name] not in texts:  # what the other is said to be can be chosen
                wrong = next(i for i, text in enumerate(texts) if text != true[fact.name])
                texts[wrong] = told[fact.name]
            trials += self._of_fact((fact, true[fact.name], told), texts, prompts, seed)
        for number, (ask, options) in enumerate(WORLD):
            trials += self._plain("world", f"world {number}", ask, shuffled(options, "world", seed, number), seed)
        for number, item in enumerate(read_sad(self.sad) if self.sad else ()):
            trials += self._plain("sad", f"sad {item.task} {number}", item.ask, item.options, seed)
        return trials

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """exact: {"value": the right text}, read from the configuration, the card or the file."""
        true = self._true(subject)
        of_file = {f"sad {i.task} {n}": i.right for n, i in enumerate(read_sad(self.sad) if self.sad else ())}
        of_world = {f"world {n}": options[0] for n, (_, options) in enumerate(WORLD)}
        right = {**true, **of_file, **of_world}
        return [Observation(key, exact={"value": right[t.cluster]}) for key, t in distinct(trials).items()]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """The option with the recorded text (grade record); of no grade where somebody else is asked about."""
        observation_of = by_key(observations)
        out = []
        for trial in trials:
            if trial.arm in OTHERS:
                out.append(Truth(trial.id, (), (), (), 0, "none"))
                continue
            value = observation_of[trial.observation].exact["value"]
            out.append(known(trial, tuple(float(o.text == value) for o in trial.question.options), "record"))
        return out

    def _true(self, subject: Subject) -> dict[str, str]:
        own = replace(description_of(subject), stage=TESTED)
        return facts_of(with_card(own, self.card) if self.card else own)

    def _of_fact(
        self, about: tuple[Fact, str, dict[str, str]], texts: list[str], prompts: dict[str, str], seed: int
    ) -> list[Trial]:
        fact, true, told = about
        options = tuple(Option(text, text) for text in texts)
        out = []
        for turn in range(self.each):
            order = tuple((i + turn) % len(options) for i in range(len(options)))
            named = {"fact": fact.name, **({"word": fact.word} if fact.word else {})}
            own = Question(fact.asked, options, named, shared=False, order=order, template=turn % TEMPLATES)
            arguments = {**own.arguments, "name": PERSON, "target": told["name"]}
            asked = {
                "listed": replace(own, quantity="custom", arguments={"ask": "..."}),
                "somebody": replace(own, person="other", arguments=arguments),
                "named_other": replace(own, person="target", arguments=arguments),
            }
            base = content_hash("identity", seed, fact.name, own)
            for arm in (REAL, *prompts, *asked):
                says = {"told_other": told[fact.name], "told_true": true}.get(arm)
                tag = {"role": "behave", "phenomenon": self.kind, "state": "plain", "told": says}
                prompt = Prompt(text="", tag=tag)
                if arm in prompts:
                    prompt = Prompt(messages=(Message("system", prompts[arm]),), tag=tag)
                out.append(Trial(
                    base if arm == REAL else content_hash(base, arm, prompts.get(arm)), self.kind, "self",
                    fact.name, f"self/{fact.name}", "test", asked.get(arm, own), prompt, "",
                    content_hash("record", fact.name, options), base=base, arm=arm,
                    coordinates={"seed": seed, "told": told[fact.name]},
                ))  # fmt: skip
        return out

    def _plain(self, source: str, cluster: str, ask: str, texts: Sequence[str], seed: int) -> list[Trial]:
        options = tuple(Option(text, text) for text in texts)
        out = []
        for turn in range(min(self.each, len(options))):
            order = tuple((i + turn) % len(options) for i in range(len(options)))
            question = Question("custom", options, {"ask": ask}, shared=False, order=order, template=turn % TEMPLATES)
            base = content_hash("identity", seed, source, cluster, question)
            tag = {"role": "behave", "phenomenon": self.kind, "state": "plain"}
            out.append(Trial(
                base, self.kind, source, cluster, f"{source}/custom", "test", question, Prompt(text="", tag=tag), "",
                content_hash("record", cluster, options), base=base, arm=source,
                coordinates={"seed": seed},
            ))  # fmt: skip
        return out
