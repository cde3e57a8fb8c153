"""One question about one token's state: what the model reads there, and beside it what every arm answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from selfscope.api.loading import load
from selfscope.errors import SelfscopeError, UnknownName, Unsupported
from selfscope.quantities import load_table, words
from selfscope.records import Decoding, Evidence, Option, Prompt, Question, Trial
from selfscope.subjects.base import OpenSubject, Subject, reaches
from selfscope.tables import Table, html, terminal

READERS = ("patchscope", "selfie", "logit_lens")
ARMS = {
    "real": "the real vector",
    "none": "no vector",
    "random": "a random vector of the same norm",
    "shuffled": "neutral texts' vectors",
    "mean": "the mean of the neutral texts",
    "text": "text only: the token in words",
    "full": "the full text in words (ceiling)",
}
SAMPLES, TOKENS = 5, 16
NOTE = "The first line counts where it differs from all below it; where one says the same, the vector told nothing."


@dataclass(frozen=True)
class ArmReading:
    """What was answered under one arm. text: greedy; agreement: part of the samples that begin with its first word
    (asking a decoder how sure it is does not work; agreement of samples does). relevancy: mean over its tokens of
    |p(token | vector) - p(token | none)| (Chen et al. 2024). distribution: over the options, relative to no vector."""

    arm: str
    text: str = ""
    agreement: float | None = None
    relevancy: float | None = None
    distribution: tuple[float, ...] | None = None


@dataclass(frozen=True)
class StateReading:
    """Every arm's answer to one question about one token. Shows itself as a table."""

    model: str
    question: str
    about: str
    reader: str
    layer: int
    token: str
    position: int
    norm: float
    options: tuple[str, ...] = ()
    reads: tuple[ArmReading, ...] = ()
    note: str = NOTE
    record: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.table(width=100)

    def table(self, *, width: int | None = None, colour: bool = False) -> str:
        """The answers as text, `width` positions wide."""
        return terminal(self._table(), width, colour=colour)

    def _table(self) -> Table:
        where = f"layer {self.layer}, token {self.position} {self.token!r} of: {self.about}"
        title = f"{self.question}\n{self.reader} of {self.model}, {where}"
        head = ("vector", *self.options) if self.options else ("vector", "says", "agreement", "relevancy")
        numeric = tuple(range(1 if self.options else 2, len(head)))
        return Table(title, head, tuple(map(tuple, self._lines())), numeric, self.note)

    def _lines(self) -> list[list[str]]:
        lines = []
        for r in self.reads:
            shares = [f"{p:.2f}" for p in r.distribution or ()]
            open_ = [r.text, _written(r.agreement), _written(r.relevancy)]
            lines.append([ARMS.get(r.arm, r.arm), *(shares if self.options else open_)])
        return lines

    def _repr_html_(self) -> str:
        return html(self._table())


def _written(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def read(
    model: str | Subject,
    question: str,
    *,
    about: str,
    reader: str = "patchscope",
    layer: int | None = None,
    token: int = -1,
    options: Sequence[str] = (),
) -> StateReading:
    """Asks a model a question about the state of one token of a text, and asks it of every arm too.

    layer: where the state is read and written (None: half way; SelfIE writes into the first block). token: position of
    the text's tokens, BOS included, negative from the end. options: log-probabilities are read, relative to no vector.
    Raises Unsupported for a subject whose activations cannot be reached, ValueError for a layer or token that does not
    exist, UnknownName for a reader.
    """
    if reader not in READERS:
        raise UnknownName("reader of one vector", reader, READERS)
    subject = load(model) if isinstance(model, str) else model
    if not reaches(subject, "activations"):
        raise Unsupported(
            f"{reader} needs the tier activations, and {subject.name} gives only {subject.tier}: load the model itself"
        )
    if not question.strip() or not about.strip():
        raise SelfscopeError("give a question, and with --about the text whose token is read")
    able = cast(OpenSubject, subject)
    at = len(able.layers) // 2 if layer is None else layer
    prompt = Prompt(text=about)
    texts = able.token_texts(prompt)
    if not -len(texts) <= token < len(texts):
        raise SelfscopeError(f"there is no token {token}: the text has {len(texts)}, 0 to {len(texts) - 1}")
    position = token % len(texts)
    neutral = list(load_table("neutral")["texts"])
    got = able.capture([prompt, *(Prompt(text=t) for t in neutral)], [at], [[position], *([-1] for _ in neutral)])
    states_ND = got.at(at)
    own, others = states_ND[0], states_ND[1:]
    given = tuple(o.strip() for o in options)
    evidence = Evidence(prompt, (position,), texts[position], about)
    reads = (
        _lens(able, own, others, evidence)
        if reader == "logit_lens"
        else _asked(able, question, (own, others, evidence), (reader, at), given)
    )
    norm = float((own**2).sum() ** 0.5)
    return StateReading(subject.name, question, about, reader, at, texts[position], position, norm, given, tuple(reads))


def _random(own_D: Any) -> Any:
    import numpy as np

    noise_D = np.random.default_rng(0).normal(size=len(own_D))
    return noise_D * np.linalg.norm(own_D) / np.linalg.norm(noise_D)


def _lens(subject: OpenSubject, own_D: Any, others_ND: Any, evidence: Evidence) -> list[ArmReading]:
    arms = {"real": own_D, "random": _random(own_D), "shuffled": others_ND[0], "mean": others_ND.mean(0)}
    out = []
    for arm, vector_D in arms.items():
        told = subject.unembed(vector_D[None], top=5)[0]
        said = "  ".join(f"{t!r} {math.exp(p):.2f}" for t, p in zip(told.tokens, told.logprobs, strict=True))
        out.append(ArmReading(arm, said))
    spoken = subject.next_token([Prompt(text=evidence.text or " "), evidence.prompt], top=5)
    for arm, told in zip(("text", "full"), spoken, strict=True):
        said = "  ".join(f"{t!r} {math.exp(p):.2f}" for t, p in zip(told.tokens, told.logprobs, strict=True))
        out.append(ArmReading(arm, said))
    return out


def _asked(
    subject: OpenSubject,
    question: str,
    vectors: tuple[Any, Any, Evidence],
    how: tuple[str, int],
    options: Sequence[str],
) -> list[ArmReading]:
    from selfscope.readers.patchscope import Patchscope, SelfIE

    own_D, others_ND, evidence = vectors
    name, layer = how
    reader = (SelfIE if name == "selfie" else Patchscope)(layer=layer)
    shown = tuple(Option(o, o) for o in options) or (Option("a", "a"), Option("b", "b"))
    asked = Question("custom", shown, {"ask": question}, shared=False)
    base = Trial("ask", "custom", "user", "ask", "ask", "test", asked, evidence.prompt, "", "ask", evidence=evidence)
    plain = {"real": own_D, "none": None, "random": _random(own_D), "mean": others_ND.mean(0)}
    rows: list[tuple[str, Any]] = [*plain.items(), *(("shuffled", v) for v in others_ND)]
    rows += [("text", None), ("full", None)]
    trials = [replace(base, arm=arm) for arm, _ in rows]
    prompts = [reader.prompt(subject, t, v, open=not options) for t, (_, v) in zip(trials, rows, strict=True)]
    if options:
        return _chosen(subject, rows, prompts, options)
    return _spoken(subject, rows, prompts)


def _chosen(
    subject: OpenSubject, rows: Sequence[tuple[str, Any]], prompts: Sequence[Prompt], options: Sequence[str]
) -> list[ArmReading]:
    import numpy as np

    scores = subject.score(prompts, [[f" {o}" for o in options]] * len(prompts))
    told = np.array([[sum(c) for c in many] for many in scores])
    base = told[[arm for arm, _ in rows].index("none")]
    found: dict[str, list[Any]] = {}
    for (arm, _), row in zip(rows, told, strict=True):
        ranked = row if arm == "none" else row - base
        weights = np.exp(ranked - ranked.max())
        found.setdefault(arm, []).append(weights / weights.sum())
    return [ArmReading(arm, distribution=tuple(np.mean(found[arm], axis=0).tolist())) for arm in ARMS if arm in found]


def _spoken(subject: OpenSubject, rows: Sequence[tuple[str, Any]], prompts: Sequence[Prompt]) -> list[ArmReading]:
    kept = [i for i, (arm, _) in enumerate(rows) if arm != "shuffled" or rows[i - 1][0] != "shuffled"]
    some = [prompts[i] for i in kept]
    replies = subject.sample(some, SAMPLES, Decoding(TOKENS, 1.0, stop=("\n",), and_greedy=True))
    clean = prompts[[arm for arm, _ in rows].index("none")]
    texts = [many[-1].text for many in replies]
    pairs = [(p, t) for p, t in zip(some, texts, strict=True) if t.strip()]
    scored = subject.score([p for p, _ in pairs] + [clean] * len(pairs), [[t] for _, t in pairs] * 2)
    moved = {}
    for k, (_, text) in enumerate(pairs):
        with_, without = scored[k][0], scored[k + len(pairs)][0]
        gaps = [abs(math.exp(a) - math.exp(b)) for a, b in zip(with_, without, strict=True)]
        moved[text] = sum(gaps) / len(gaps)
    out = []
    for i, many in zip(kept, replies, strict=True):
        greedy = many[-1].text.strip()
        head = words(greedy)[:1]
        same = [words(r.text)[:1] == head for r in many[:-1]]
        arm = rows[i][0]
        told = None if arm in ("none", "text", "full") else moved.get(many[-1].text)
        out.append(ArmReading(arm, greedy, sum(same) / len(same) if same else None, told))
    return sorted(out, key=lambda r: list(ARMS).index(r.arm))


