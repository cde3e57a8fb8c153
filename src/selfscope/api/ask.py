"""One question to one model: what it says, and beside it what others would say in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from selfscope.api.loading import load
from selfscope.errors import SelfscopeError
from selfscope.parsing import parse_option
from selfscope.readers.ask import distribution_of
from selfscope.records import Decoding, Message, Option, Prompt, Question, Trial, content_hash
from selfscope.subjects.base import ScoringSubject, Subject, reaches
from selfscope.tables import Table, html, terminal
from selfscope.wording import direct

NOTHING = "..."
NOTE = (
    "One answer is no evidence of access: compare it with the lines below it, "
    "and run `selfscope card` to measure what is true."
)


@dataclass(frozen=True)
class Answer:
    """What one observer said. distribution: (K,) over the options as given, the mean over all orders in which they
    were shown; moved: how far the order moved a probability at most. who, rung: the observer."""

    who: str
    rung: str
    text: str | None = None
    distribution: tuple[float, ...] | None = None
    moved: float | None = None


@dataclass(frozen=True)
class Answers:
    """Every observer's answer to one question. Shows itself as a table, in a terminal and in a notebook."""

    model: str
    question: str
    about: str | None
    options: tuple[str, ...]
    answers: tuple[Answer, ...]
    note: str = NOTE

    def __str__(self) -> str:
        return self.table(width=100)

    def table(self, *, width: int | None = None, colour: bool = False) -> str:
        """The answers as text, `width` columns wide."""
        return terminal(self._table(), width, colour=colour)

    def _table(self) -> Table:
        title = self.question + (f"\nabout: {self.about}" if self.about else "")
        head = ("who", *self.options, "moved by order") if self.options else ("who", "says")
        numeric = tuple(range(1, len(head))) if self.options else ()
        return Table(title, head, tuple(map(tuple, self._lines())), numeric, self.note)

    def _lines(self) -> list[list[str]]:
        if not self.options:
            return [[a.who, a.text or "–"] for a in self.answers]
        lines = []
        for a in self.answers:
            shares = a.distribution or ()
            cells = [f"{p:.2f}" for p in shares] or ["–"] * len(self.options)
            lines.append([a.who, *cells, "–" if a.moved is None else f"{a.moved:.2f}"])
        return lines

    def _repr_html_(self) -> str:
        return html(self._table())


def ask(
    model: str | Subject,
    question: str,
    *,
    options: Sequence[str] = (),
    about: str | None = None,
    other: str | Subject | None = None,
    rollouts: int = 10,
) -> Answers:
    """Asks a model one question about itself, and puts beside its answer what a typical assistant is said to answer,
    what is left without the question's content, what another model says about it, and (with `about`) what it does.

    options: at least two answers to choose from: probabilities are read, averaged over the orders of the options.
    about: the prompt that the question is about. rollouts: how often the model then does it.
    """
    subject = load(model) if isinstance(model, str) else model
    observer = load(other) if isinstance(other, str) else other
    if not question.strip():
        raise SelfscopeError("the question is empty")
    if len(options) == 1 or len({o.strip() for o in options}) < len(options):
        raise SelfscopeError("give at least two different options, as in --options tea,coffee")
    given = tuple(o.strip() for o in options)
    say = _distribution if given else _free
    answers = [
        say(subject, _trial(question, given, about), f"{subject.name} about itself", "self"),
        say(subject, _trial(question, given, about, person="typical"), f"{subject.name} about a typical AI", "input"),
    ]
    if given:
        empty = _trial(question, given, NOTHING) if about else _trial(NOTHING, given, None)
        answers.append(say(subject, empty, "the options alone, without content", "prior"))
    if observer is not None:
        target = _trial(question, given, about, person="target", target=subject.name)
        answers.append(say(observer, target, f"{observer.name} about {subject.name}", "input"))
    if about:
        answers.append(_behaviour(subject, about, given, rollouts))
    return Answers(subject.name, question, about, given, tuple(answers))


def _trial(
    question: str, options: Sequence[str], about: str | None, *, person: str = "self", target: str = ""
) -> Trial:  # fmt: skip
    arguments = {"ask": question, **({"target": target.rstrip("/").rsplit("/", 1)[-1]} if target else {})}
    asked = Question("custom", tuple(Option(o, o) for o in options), arguments, shared=False, person=person)
    name = content_hash("asked", question, options, about, person)
    prompt = Prompt(messages=(Message("user", about or question),), tag={"role": "behave", "phenomenon": "custom"})
    return Trial(name, "custom", "user", name, "ask", "test", asked, prompt, about or "", name)


def _free(subject: Subject, trial: Trial, who: str, rung: str) -> Answer:
    asked = direct(trial, chat=subject.chat)
    reply = subject.sample([asked.prompt], 1, Decoding(asked.max_tokens, temperature=0.0))[0][0]
    return Answer(who, rung, reply.text.strip() or None)


def _distribution(subject: Subject, trial: Trial, who: str, rung: str) -> Answer:
    k = len(trial.question.options)
    orders = [tuple((i + turn) % k for i in range(k)) for turn in range(k)]
    turned = [replace(trial, question=replace(trial.question, order=order)) for order in orders]
    scored = reaches(subject, "logprobs")
    asked = [direct(t, chat=subject.chat, prefill=scored) for t in turned]
    if scored:
        scores = cast(ScoringSubject, subject).score([a.prompt for a in asked], [a.candidates or () for a in asked])
        each = [
            distribution_of([sum(tokens) for tokens in many], a.option_index, k, "choice_lp")[0]
            for many, a in zip(scores, asked, strict=True)
        ]
    else:
        replies = subject.sample([a.prompt for a in asked], 1, Decoding(16, temperature=0.0))
        read = [parse_option(r[0], a.options).value for r, a in zip(replies, asked, strict=True)]
        each = [value for value in read if value is not None]
    if not each:
        return Answer(who, rung)
    mean = tuple(sum(d[i] for d in each) / len(each) for i in range(k))
    moved = max(max(d[i] for d in each) - min(d[i] for d in each) for i in range(k))
    return Answer(who, rung, distribution=mean, moved=moved)


def _behaviour(subject: Subject, about: str, options: Sequence[str], rollouts: int) -> Answer:
    prompt = Prompt(messages=(Message("user", about),)) if subject.chat else Prompt(text=about)
    replies = subject.sample([prompt], rollouts, Decoding(max_tokens=24))[0]
    who = f"what {subject.name} does ({rollouts} times)"
    said = " | ".join(" ".join(r.text.split())[:40] for r in replies[:4])
    if not options:
        return Answer(who, "behaviour", said)
    read = [value for r in replies if (value := parse_option(r, options).value) is not None]
    if not read:
        return Answer(f"{who}: {said} ...", "behaviour", said)
    mean = tuple(sum(v[i] for v in read) / len(read) for i in range(len(options)))
    return Answer(f"{who}; {len(read)} of them one of the options", "behaviour", distribution=mean)
