"""What does it say that it is, does it say so again in other words, and is it so?

An inventory of statements about itself, each in five wordings, half of them reversed, asked of itself and of a typical
assistant, with the options in both orders. Who says yes to everything agrees with no statement: agreement is the mean
over both senses. Where a reply can show whether a statement is so, the truth is the part of its own replies, to
messages that quote no statement, that our own checks find as it says; of the others there is no truth. What is asked,
in which words, and what follows from it is put together in `verdicts.self_model` (blackbox F7, F11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

from selfscope.errors import BadInput, UnknownName
from selfscope.phenomena.counterbalance import object_prompt
from selfscope.phenomena.rollouts import LINE_END, by_key, distinct, reply_texts, seed_of
from selfscope.phenomena.stimuli.inventory import AREAS, Statement, benign, plants, statements
from selfscope.phenomena.stimuli.self_descriptions import ASKS, LENGTH, SAYS, arguments_of, dealt, neutral, scripted
from selfscope.phenomena.stimuli.self_probes import ORDINARY, Probe, probes
from selfscope.quantities import AGREE, holds
from selfscope.records import (
    REAL,
    TEMPLATES,
    Cost,
    Decoding,
    Identified,
    Message,
    Observation,
    Prompt,
    Question,
    Trial,
    Truth,
    content_hash,
)
from selfscope.subjects.base import Subject

TYPICAL, UNMEASURED, UNMEASURED_TYPICAL = "typical", "unmeasured", "unmeasured_typical"
"""Arms: the same asked of a typical assistant; statements that nothing checks, of itself and of that one."""
DESCRIBED, NEUTRAL = "described", "neutral"
"""Arms: what a description of its own says of a statement, and a text that describes nobody."""
NO_TRUTH = (TYPICAL, UNMEASURED, UNMEASURED_TYPICAL, DESCRIBED, NEUTRAL)
ROLES = ("user", "assistant")
SHORT = 24
"""Tokens of a reply to what is no ordinary message."""


@dataclass(frozen=True)
class SelfModel(Identified):
    """An inventory of what it says it is, beside what it does. A cluster is a statement.

    Parameters
    ----------
    only
        Areas of the inventory: abilities, habits, values, nature, limits; none: all.
    messages
        Ordinary messages that it replies to, for its habits.
    tasks
        Messages of each other check.
    draws
        Replies at temperature 1 to each.
    max_tokens
        Of a reply to an ordinary message; others have 24.
    described
        Open descriptions of itself that are sampled.
    mapped
        Statements that each of them is asked about.
    planted
        A statement that a system prompt and three shown turns make so, as greets: a change that is known, in what it
        does and for what it says.
    benign
        The twin of that: an instruction and turns of the same form that make no statement so.

    Raises
    ------
    UnknownName
        An area or a planted statement that does not exist.
    BadInput
        A number that is too small.

    References
    ----------
    Betley et al. 2025, Tell me about yourself; of inventories with reversed statements, Ray 1983, Reviving the problem
    of acquiescent response bias.
    """

    only: tuple[str, ...] = ()
    messages: int = 32
    tasks: int = 8
    draws: int = 4
    max_tokens: int = 64
    described: int = 200
    mapped: int = 8
    planted: str = ""
    benign: bool = False
    kind: ClassVar[str] = "self_model"
    title: ClassVar[str] = "Self-model"
    asks: ClassVar[str] = "What does it say that it is, and is it so?"
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free", "yesno_lp")
    whole: ClassVar[bool] = True
    rivals: ClassVar[tuple[str, ...]] = ("shared_words",)

    def __post_init__(self) -> None:
        for area in self.only:
            if area not in AREAS:
                raise UnknownName("area", area, AREAS)
        if self.planted and self.planted not in plants():
            raise UnknownName("planted statement", self.planted, plants())
        for name, least in (("messages", 2), ("tasks", 2), ("draws", 1), ("max_tokens", 1), ("described", 0),
                            ("mapped", 1)):  # fmt: skip
            if getattr(self, name) < least:
                raise BadInput(f"{name} is a whole number from {least} on, not {getattr(self, name)}")

    @property
    def before(self) -> tuple[Message, ...]:
        """The turns that stand before all that it does and says; none of a plain inventory."""
        plant = benign() if self.benign else plants().get(self.planted)
        if plant is None:
            return ()
        turns = [Message(role, text) for turn in plant.turns for role, text in zip(ROLES, turn, strict=True)]
        return (Message("system", plant.told), *turns)

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """Every statement in every wording and both orders, of itself and of a typical assistant; and what its open
        descriptions say of them, which it gives here."""
        own = [s for s in statements() if not self.only or s.area in self.only]
        trials = [trial for statement in own for trial in self._asked(subject, statement, seed)]
        trials += self._described(subject, own, seed)
        for statement in statements("train"):
            trials += [t for t in self._asked(subject, statement, seed, "train") if t.arm == REAL]
        return trials

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Its replies to all messages of each set. exact: of which message each reply is, and what that brings."""
        first, seed = distinct(trials), seed_of(trials)
        found = {}
        for length, stop, ordinary in ((self.max_tokens, (), True), (SHORT, LINE_END, False)):
            sets = {k: str(t.coordinates["probes"]) for k, t in first.items()}
            posed = {k: self._probes(n, seed) for k, n in sets.items() if n and (n == ORDINARY) == ordinary}
            prompts = [self._prompt(subject, sets[k], probe) for k, some in posed.items() for probe in some]
            replies = iter(subject.sample(prompts, self.draws, Decoding(length, 1.0, seed, stop)) if prompts else ())
            for key, some in posed.items():
                sampled = [next(replies) for _ in some]
                texts = [reply_texts(one, key) for one in sampled]
                exact = {"of": [k for k, one in enumerate(texts) for _ in one], "given": [list(p.given) for p in some]}
                cost = sum((reply.cost for one in sampled for reply in one), Cost())
                found[key] = Observation(key, tuple(text for one in texts for text in one), exact=exact, cost=cost)
        return [found.get(key, Observation(key)) for key in first]

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """The part of its replies that are as the statement says; halves are of different messages. Of no grade where
        nothing checks it, or where somebody else is asked about."""
        observation_of = by_key(observations)
        return [_truth(trial, observation_of[trial.observation]) for trial in trials]

    def _described(self, subject: Subject, own: Sequence[Statement], seed: int) -> list[Trial]:
        """What each description says of some statements, and what texts say of all that describe nobody."""
        texts = self._descriptions(subject, own, seed) if self.described else []
        by_name = {s.name: s for s in own}
        chosen = dealt(list(by_name), len(texts), min(self.mapped, len(own)), seed)
        asked = [(DESCRIBED, text, name) for text, names in zip(texts, chosen, strict=True) for name in names]
        asked += [(NEUTRAL, text, name) for text in neutral(seed) for name in by_name] if texts else []
        out = []
        for number, (arm, text, name) in enumerate(asked):
            order = tuple((k + number) % len(SAYS) for k in range(len(SAYS)))
            question = Question("described", SAYS, arguments_of(by_name[name]), order=order,
                                template=number // len(SAYS) % TEMPLATES, person="other")  # fmt: skip
            key = content_hash("self_model", seed, self.before, arm, number, text, question)
            out.append(Trial(
                key, self.kind, by_name[name].area, name, f"{arm}/described", "test", question,
                self._prompt(subject, "", None), text, content_hash("none", "described"), base=key, arm=arm,
                coordinates={"seed": seed, "probes": "", "area": by_name[name].area},
            ))  # fmt: skip
        return out

    def _descriptions(self, subject: Subject, own: Sequence[Statement], seed: int) -> list[str]:
        probe = Probe((("user", ""),))
        tag = {"source": "described", "trait": "described", **scripted(own, seed)}
        prompts = []
        for ask in ASKS:
            plain = self._prompt(subject, "described", replace(probe, turns=(("user", ask),)))
            prompts.append(replace(plain, tag={**plain.tag, **tag}))
        each = -(-self.described // len(ASKS))
        sampled = subject.sample(prompts, each, Decoding(LENGTH, 1.0, seed))
        texts = [" ".join(text.split()) for one in sampled for text in reply_texts(one, "descriptions")]
        return [text for text in texts if text][: self.described]

    def _probes(self, name: str, seed: int) -> tuple[Probe, ...]:
        return _drawn(name, self.messages if name == ORDINARY else self.tasks, seed)

    def _prompt(self, subject: Subject, name: str, probe: Probe | None) -> Prompt:
        """The prompt of one message; of a statement without any what stands before."""
        tag: dict[str, Any] = {"phenomenon": self.kind, "trait": name, "planted": "" if self.benign else self.planted}
        turns = self.before
        if probe is None:
            tag |= {"role": "behave", "state": "plain"}
            return Prompt(messages=turns, context=len(turns), tag=tag) if turns else Prompt(text="", tag=tag)
        tag |= {"source": name, "cluster": probe.turns[-1][1], "replies": list(probe.replies)}
        plain = object_prompt(subject, probe.turns[-1][1], tag=tag)
        own = tuple(Message(role, text) for role, text in probe.turns[:-1])
        # A report stands behind what was planted, and not behind a message's own turns: those are what it replies to.
        return replace(plain, messages=(*turns, *own, *plain.messages), context=len(turns))

    def _asked(self, subject: Subject, statement: Statement, seed: int, split: str = "test") -> list[Trial]:
        probe = self._probes(statement.probes, seed)[0] if statement.check else None
        prompt = self._prompt(subject, statement.probes, probe)
        sizes = (self.messages, self.draws, self.max_tokens)
        sizes = sizes if statement.probes == ORDINARY else (self.tasks, self.draws, SHORT)
        says = statement.plus[0].format(You="You", you="you", Your="Your", your="your")
        key = content_hash("self_model", seed, self.before, statement.probes, sizes)
        given = list(probe.given) if probe else []
        out: list[Trial] = []
        for way, (plus, minus, negated) in enumerate(statement.ways):
            arguments = {"for": plus, "against": minus, "check": statement.check, "given": given}
            where = {"seed": seed, "area": statement.area, "way": way, "says": says, "probes": statement.probes,
                     "messages": sizes[0], "max_tokens": sizes[-1]}  # fmt: skip
            for order in ((0, 1), (1, 0)) if split == "test" else ((way % 2, 1 - way % 2),):
                own = Question("statement", AGREE, arguments, order=order, template=way % TEMPLATES, negated=negated)
                base = content_hash("self_model", seed, statement.name, own, self.before)
                arms = (REAL, TYPICAL) if statement.check else (UNMEASURED, UNMEASURED_TYPICAL)
                for arm, person in zip(arms, ("self", "typical"), strict=True):
                    out.append(Trial(
                        base if person == "self" else content_hash(base, arm), self.kind, statement.area,
                        statement.name, f"{statement.area}/statement", split, replace(own, person=person), prompt,
                        says, key, base=base, arm=arm, coordinates=where,
                    ))  # fmt: skip
        return out


@lru_cache(maxsize=128)
def _drawn(name: str, count: int, seed: int) -> tuple[Probe, ...]:
    return tuple(probes(name, count, seed))


def _truth(trial: Trial, seen: Observation) -> Truth:
    check = str(trial.question.arguments.get("check", ""))
    if trial.arm in NO_TRUTH or not check:
        return Truth(trial.id, (), (), (), 0, "none")
    of = seen.exact["of"]
    as_said = [float(holds(check, text, seen.exact["given"][k])) for text, k in zip(seen.replies, of, strict=True)]
    halves = [[x for x, k in zip(as_said, of, strict=True) if k % 2 == half] or as_said for half in (0, 1)]
    mean, half_a, half_b = (sum(own) / len(own) for own in (as_said, *halves))
    return Truth(trial.id, (mean, 1 - mean), (half_a, 1 - half_a), (half_b, 1 - half_b), len(as_said), "rollouts")
