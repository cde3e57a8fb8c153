"""The phantom: a scripted subject without a network, whose self-knowledge is dialled in.

It behaves by `phantom_world` and reports by `dials`. What a prompt asks it reads from the prompt's inert tag, in which
the question is data; its answers are what a real subject's would be: sampled text and log-probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

import numpy as np
from pydantic import TypeAdapter

from selfscope.errors import UnknownName
from selfscope.quantities import PROPERTIES, given, option_of, words
from selfscope.records import (
    Cost,
    Decoding,
    Outcome,
    Prompt,
    Question,
    Reply,
    TokenDistribution,
    content_hash,
)
from selfscope.subjects.base import Lacking, OnDone, OpenSubject, lacking, unmasked
from selfscope.subjects.phantom_dials import DialReport, Dials, alarmed, report
from selfscope.subjects.phantom_identity import description_of_phantom, fact_report
from selfscope.subjects.phantom_lies import ASKED, of_a_lie, statement, tells
from selfscope.subjects.phantom_options import (
    features,
    goes_on,
    of_both,
    one_hot,
    published,
    pushed,
    recorded,
    requested,
    token_of,
)
from selfscope.subjects.phantom_skill import plain_fact, skill
from selfscope.subjects.phantom_speech import ANSWERED_MASS, candidate_shares, draws, spoken_replies
from selfscope.subjects.phantom_traits import said_of, trait_behaviour, trait_report
from selfscope.subjects.phantom_world import (
    UNMOVED,
    Behaviour,
    Scene,
    behaviour,
    decoded,
    encoded,
    entropy,
    first_words,
    scene,
)

REFUSAL = "I'm sorry, I cannot answer that."
GIBBERISH = "perhaps, or then again the other way round, as it were"
FLOOR = 1e-12
SILENT_MASS = 0.02
"""Probability that the candidates hold together when it would rather not answer."""
_QUESTION = TypeAdapter(Question)
_PROMPT = TypeAdapter(Prompt)


class Phantom:
    """A scripted subject of the tier logprobs, with chat: a `ScoringSubject`.

    Parameters
    ----------
    name : str
        As it is shown.
    dials : Dials, optional
        What its reports follow.
    seed : int
        Of its habits and states.
    rho : float
        Weight of the private state in what it does, from 0 to 1.
    skill : float
        Part of the prompts on which that state is a right reply, where the prompt's tag says which are, from 0 to 1.
    lies, leak : float
        Part of the facts on which it lies where it is pressed to; how far that shows in its answers about anything
        else. From 0 to 1.
    **turned
        Dials by name instead, as in Phantom(access=0.4, habit=0.2).

    Raises
    ------
    UnknownName
        For a dial that does not exist.
    """

    settable: ClassVar[Mapping[str, Any]] = {
        **get_type_hints(Dials), **dict.fromkeys(("rho", "skill", "lies", "leak"), float),
    }  # fmt: skip
    """Type of each dial that may stand in its name."""

    def __init__(
        self, name: str = "phantom", *, dials: Dials | None = None, seed: int = 0, rho: float = 0.5, skill: float = 0.0,
        lies: float = 0.0, leak: float = 0.0, **turned: Any,
    ) -> None:  # fmt: skip
        for dial in turned:
            if dial not in self.settable:
                raise UnknownName("dial", dial, self.settable)
        for dial, value in (("skill", skill), ("lies", lies), ("leak", leak)):
            if not 0 <= value <= 1:
                raise ValueError(f"{dial} is a part, from 0 to 1, not {value:g}")
        self.name = name
        self.dials = dials or Dials(**turned, seed=seed)
        self.seed, self.rho, self.skill, self.lies, self.leak = seed, rho, skill, lies, leak
        self.tier, self.chat = "logprobs", True
        later = [{"lies": lies, "leak": leak}] if lies or leak else []
        self.identity = content_hash("phantom", self.dials.turned, seed, rho, *([skill] if skill else []), *later)
        self.environment, self.description = {"engine": "phantom"}, description_of_phantom(seed)
        self._behaviours: dict[Any, Behaviour] = {}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Raises Unsupported for what only a subject with activations has."""
            if name in vars(OpenSubject) and not name.startswith("_"):
                raise Lacking(str(lacking(self.name, self.tier, "activations")))
            raise AttributeError(f"a phantom has no {name!r}")

    def sample(
        self, prompts: Sequence[Prompt], n: int, decoding: Decoding, on_done: OnDone | None = None
    ) -> list[list[Reply]]:
        """n replies a prompt: what it does, or its report in the format that the tag names.

        Raises
        ------
        Unsupported
            For a prompt with injections, here and in `score` and `next_token`.
        """
        out = []
        for index, prompt in enumerate(self._untouched(prompts)):
            speak = self._reports if _asks(prompt) else self._acts
            texts = speak(prompt, n, decoding)
            if decoding.and_greedy:
                texts = [*texts, *speak(prompt, 1, replace(decoding, temperature=0.0))]
            cost = Cost(1, len(self._scene(prompt).public.split()), 0)
            replies = [Reply(t, cost=replace(cost, output_tokens=len(t.split()))) for t in texts]
            out.append(replies)
            if on_done:
                on_done(index, replies)
        return out

    def score(self, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]) -> list[list[list[float]]]:
        """Log-probabilities (nats), each candidate as one token."""
        out = []
        for prompt, texts in zip(self._untouched(prompts), candidates, strict=True):
            if _asks(prompt):
                probabilities = self._option_probabilities(prompt, texts)
            else:
                acts = self._behaviour(prompt)
                probabilities = [goes_on(acts, text) for text in texts]
            out.append([[math.log(max(p, FLOOR))] for p in probabilities])
        return out

    def next_token(
        self, prompts: Sequence[Prompt], *, top: int | None = None, ids: Sequence[int] | None = None
    ) -> list[TokenDistribution]:
        """Its tokens are words: the first words of its replies, or of the options where it is asked to report."""
        out = []
        for prompt in self._untouched(prompts):
            if _asks(prompt):
                question = _QUESTION.validate_python(dict(prompt.tag["question"]))
                dial_report = self.report(prompt.tag)
                shares = first_words(question.shown_texts, np.array(dial_report.distribution))
            else:
                acts = self._behaviour(prompt)
                shares = first_words(acts.replies, acts.p)
            shares_of = {token_of(word): (p, f" {word}") for word, p in shares.items()}
            best = sorted(shares_of, key=lambda i: -shares_of[i][0])[: top or (10 if ids is None else 0)]
            listed = [*(ids or ()), *best]
            entries = [shares_of.get(i, (FLOOR, "")) for i in listed]
            logprobs = tuple(math.log(max(p, FLOOR)) for p, _ in entries)
            out.append(TokenDistribution(tuple(listed), logprobs, entropy(shares), tuple(t for _, t in entries)))
        return out

    def encode(self, prompt: Prompt) -> tuple[int, ...]:
        """Code points of the prompt's content: ids lead back to it."""
        return encoded(prompt)

    def report(self, tag: Mapping[str, Any]) -> DialReport:
        """What it reports to a tagged question, whatever the format.

        Parameters
        ----------
        tag : Mapping of str to Any
            Of a prompt: the question, the object prompt, cluster, state and format.

        Returns
        -------
        DialReport
            Its distribution is in canonical option order.
        """
        question = _QUESTION.validate_python(dict(tag["question"]))
        cluster, k = str(tag.get("cluster", "")), len(question.options)
        item = content_hash(
            tag.get("phenomenon"), cluster, question.quantity, question.arguments, question.placement,
            [o.key for o in question.options],
        )  # fmt: skip
        first = question.first_option(str(tag["format"]))
        shown = self._scene(_PROMPT.validate_python(dict(tag["object"])))
        copied = None if shown.given is None else option_of(question, shown.given)
        if question.quantity == "fact":
            return plain_fact(self.dials, question, item=item, cluster=cluster, first=first)
        if question.quantity == "alarm":
            there = alarmed(self.dials, item=item, changed_state=tag["state"] not in UNMOVED)
            return DialReport("private", one_hot(0 if there else 1, k), "distribution", Outcome.ANSWERED)
        if question.given_text is not None or question.quantity in ("listed_last", "chosen_before"):
            return skill(self.dials, self.seed, question, item, cluster=cluster, copied=copied, record=shown.record)
        if question.quantity == "described":
            return said_of(question, str(tag["public"]))
        if question.quantity == "statement":
            traits = dict(tag["object"])["tag"]
            return trait_report(
                self.dials, self.seed, self.rho, question, traits, item, cluster=cluster, first=first
            )  # fmt: skip
        if "fact" in question.arguments:
            return fact_report(self.dials, question, self.description, tag, item=item, cluster=cluster, first=first)
        about = _PROMPT.validate_python(dict(tag["object"]))
        if question.quantity == "treated_otherwise":
            p, h, g = of_both(about, question, self._behaviour)
            if question.person != "self":
                p = h = g = g if question.person == "target" else h
            return report(self.dials, item=item, cluster=cluster, p=p, h=h, g=g, first=first)
        if tells(about.tag) and question.quantity in ASKED:
            return of_a_lie(self.dials, question, (tag, about.tag), first, (self.seed, self.lies, self.leak))
        if question.quantity not in PROPERTIES:
            even = tuple(1 / k for _ in range(k))
            return report(self.dials, item=item, cluster=cluster, p=even, h=even, g=even, first=first)
        acts = self._behaviour(requested(about, question))
        usual = published(question, acts, self.rho)
        p, h, g, anyone = pushed(question, acts.replies, acts.p, usual, acts.g, acts.anyone)
        if given(question.quantity):
            h = g = anyone = tuple(1 / k for _ in range(k))  # nobody else knows
        past = recorded(question, shown.record) if question.person == "self" else None
        if question.person != "self":
            p = h = g = g if question.person == "target" else h
        return report(
            self.dials, item=item, cluster=cluster, p=p, h=h, g=g, first=first, copied=copied, anyone=anyone, past=past
        )

    def _scene(self, prompt: Prompt) -> Scene:
        """What it is shown; who has activations adds what a vector pushes."""
        return scene(prompt)

    def _untouched(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """Raises Unsupported where something is to be written into activations: it has none."""
        if any(prompt.interventions for prompt in prompts):
            raise lacking(self.name, self.tier, "activations")
        return unmasked(prompts, self.name)

    def _behaviour(self, prompt: Prompt) -> Behaviour:
        if tells(prompt.tag):
            return statement(prompt.tag, self.seed, lies=self.lies, skill=self.skill)
        if prompt.tag.get("replies") and "trait" in prompt.tag:
            return trait_behaviour(prompt.tag, self.seed, self.rho)
        shown = self._scene(prompt)
        if shown not in self._behaviours:
            if len(self._behaviours) > 20_000:
                self._behaviours.clear()
            marks = np.stack([features(reply) for reply in shown.replies])
            spoken = words(shown.public)
            skill = self.skill
            self._behaviours[shown] = behaviour(shown, marks, spoken, seed=self.seed, rho=self.rho, skill=skill)
        return self._behaviours[shown]

    def _acts(self, prompt: Prompt, n: int, decoding: Decoding) -> list[str]:
        acts = self._behaviour(prompt)
        if decoding.temperature == 0:
            return [acts.replies[int(np.argmax(acts.p))]] * n
        return [acts.replies[i] for i in draws(acts.p.tolist(), n, decoding, decoded(prompt))]

    def _reports(self, prompt: Prompt, n: int, decoding: Decoding) -> list[str]:
        tag = prompt.tag
        question = _QUESTION.validate_python(dict(tag["question"]))
        dial_report = self.report(tag)
        if dial_report.outcome != Outcome.ANSWERED:
            return [REFUSAL if dial_report.outcome == Outcome.REFUSED else GIBBERISH] * n
        return spoken_replies(question, dial_report.distribution, n, decoding, prompt)

    def _option_probabilities(self, prompt: Prompt, candidates: Sequence[str]) -> list[float]:
        """Probability of each candidate: those that mean the same option share its probability."""
        question = _QUESTION.validate_python(dict(prompt.tag["question"]))
        dial_report = self.report(prompt.tag)
        mass = ANSWERED_MASS if dial_report.outcome == Outcome.ANSWERED else SILENT_MASS
        return candidate_shares(question, dial_report.distribution, mass, prompt.tag["format"], candidates)


def _asks(prompt: Prompt) -> bool:
    """Whether the prompt asks for a report; an open question without options is answered like any message."""
    return prompt.tag.get("role") == "report" and bool(prompt.tag["question"]["options"])
