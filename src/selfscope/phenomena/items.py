"""The user's own questions: JSON Lines of prompts with options or a property, no class needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from selfscope.errors import LONGEST_PATH, SelfscopeError
from selfscope.phenomena.counterbalance import Item, counterbalance, draft_trial, observation_key
from selfscope.phenomena.rollouts import behaved, by_key, frequencies
from selfscope.quantities import ELSE, PROPERTIES, measurable
from selfscope.records import Identified, Message, Observation, Option, Prompt, Question, Trial, Truth, content_hash
from selfscope.records.json import strict_json
from selfscope.subjects.base import Subject

SHARES = {"test": 0.6, "train": 0.3}
PER_TEXT = tuple(
    name for name, p in PROPERTIES.items() if p.options and measurable(name) and not {"item", "word"} & set(p.needs)
)
"""Properties that a line may ask for."""
KNOWN = ("prompt", "messages", "options", "property", "ask", "cluster", "id", "prefix", *sorted(
    {need for name in PER_TEXT for need in PROPERTIES[name].needs}
))  # fmt: skip


@dataclass(frozen=True)
class Items(Identified):
    """Your own questions, from a file of one JSON object a line.

    {"prompt": ..., "options": [...]} or {"prompt": ..., "property": "parity"}. prompt: a message, or "messages":
    [{"role", "content"}] (a system message is the hidden state). options: short answers that a reply may name, at least
    two; "something else" is added. property: one of PER_TEXT, with its argument ("threshold", "other"). ask: the
    question in the user's own words. cluster, id: names of the user's own. Splits are by a hash of the cluster, 60 %
    test, 30 % train, 10 % dev.

    Parameters
    ----------
    path
        The file. It is read when this is made; its content is what tells one set of questions from another.
    content
        Hash of its lines, which is set by itself.
    rollouts
        Replies at temperature 1 behind each truth.
    max_tokens
        Of a reply.
    test, train, dev
        Clusters of each split at most (None: all that the file has).
    """

    path: str = field(default="", compare=False)
    rollouts: int = 20
    max_tokens: int = 24
    test: int | None = None
    train: int | None = None
    dev: int | None = None
    content: str = ""
    kind: ClassVar[str] = "items"
    title: ClassVar[str] = "Your questions"
    asks: ClassVar[str] = "The items that were given on the command line."
    formats: ClassVar[tuple[str, ...]] = ("choice_lp", "free", "yesno_lp", "prob_text")
    settable: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(("path", "content"), str), **dict.fromkeys(("rollouts", "max_tokens"), int),
        **dict.fromkeys(("test", "train", "dev"), int | None),
    }  # fmt: skip

    def __post_init__(self) -> None:
        if isinstance(self.path, str) and self.path and not self.content:
            object.__setattr__(self, "content", content_hash(read_lines(self.path)))

    def pose(self, subject: Subject, seed: int) -> list[Trial]:
        """One trial a line. Raises SelfscopeError that names the line and what is wrong with it."""
        lines = read_lines(self.path)
        if content_hash(lines) != self.content:
            raise SelfscopeError(f"the items {self.path!r} were edited while they were being asked: run again")
        splits = _splits(list(dict.fromkeys(cluster_of(line) for line in lines)))
        sizes = {"test": self.test, "train": self.train, "dev": self.dev}
        clusters: dict[str, list[str]] = {split: [] for split in sizes}
        trials = []
        for line in {content_hash(line): line for line in lines}.values():  # the same line twice is one trial
            cluster = cluster_of(line)
            split = splits[cluster]
            if cluster not in clusters[split]:
                limit = sizes[split]
                if limit is not None and len(clusters[split]) >= limit:
                    continue
                clusters[split].append(cluster)
            prompt = _prompt(line, cluster, subject)
            question = _question(line)
            key = observation_key(self.kind, prompt, self.rollouts, self.max_tokens, seed)
            item = Item("items", cluster, prompt)
            where = {"seed": seed, "max_tokens": self.max_tokens, **({"id": line["id"]} if "id" in line else {})}
            trials.append(draft_trial(self.kind, split, item, question, observation=key, coordinates=where))
        return counterbalance(trials, seed)

    def observe(self, subject: Subject, trials: Sequence[Trial]) -> list[Observation]:
        """Rollouts and the greedy reply of each distinct prompt."""
        return behaved(subject, trials, self.rollouts, max_tokens=self.max_tokens)

    def truth(self, trials: Sequence[Trial], observations: Sequence[Observation]) -> list[Truth]:
        """Frequencies over the rollouts."""
        observation_of = by_key(observations)
        return [frequencies(trial, observation_of[trial.observation]) for trial in trials]


def read_lines(path: str) -> list[dict[str, Any]]:
    """The checked lines of a file. Raises SelfscopeError: no file, no line, or a line that is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SelfscopeError(
            f"cannot read the items {path[:LONGEST_PATH]!r}: {reason}. Give a file with one JSON object a line"
        ) from error
    except UnicodeDecodeError:
        raise SelfscopeError(
            f"the items {path!r} are not UTF-8 text: give a file with one JSON object a line"
        ) from None
    lines = [_checked(line, f"{path}, line {n}") for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise SelfscopeError(
            f'no items in {path!r}: write at least one line such as {{"prompt": ..., "options": [...]}}'
        )
    return lines


def cluster_of(line: Mapping[str, Any]) -> str:
    """The cluster that the line names, or its prompt: questions about one prompt belong together."""
    own = line.get("cluster")
    return (
        str(own) if own is not None else content_hash(line.get("prompt"), line.get("messages"), line.get("prefix", ""))
    )


def _checked(text: str, where: str) -> dict[str, Any]:
    try:
        line = strict_json(text)
    except ValueError as error:
        raise SelfscopeError(f"{where} {error}") from None
    if not isinstance(line, dict):
        raise SelfscopeError(f"{where} is {type(line).__name__}, not an object with a prompt")
    strange = [key for key in line if key not in KNOWN]
    if strange:
        raise SelfscopeError(f"{where}: unknown field {strange[0]!r}. Known: {', '.join(KNOWN)}")
    if ("prompt" in line) == ("messages" in line):
        raise SelfscopeError(f"{where}: give either a prompt or messages")
    if ("options" in line) == ("property" in line):
        raise SelfscopeError(f"{where}: give either options or a property ({', '.join(PER_TEXT)})")
    for name in ("cluster", "id"):
        if name in line and (isinstance(line[name], bool) or not isinstance(line[name], str | int)):
            raise SelfscopeError(f"{where}: the {name} is a text or a whole number")
    for name in ("ask", "prefix"):
        if name in line and not isinstance(line[name], str):
            raise SelfscopeError(f"{where}: {name} must be text")
    _check_prompt(line, where)
    _check_answers(line, where)
    return line


def _check_prompt(line: Mapping[str, Any], where: str) -> None:
    if "prompt" in line and not (isinstance(line["prompt"], str) and line["prompt"].strip()):
        raise SelfscopeError(f"{where}: the prompt must be text")
    messages = line.get("messages", [{"role": "user", "content": "x"}])
    good = isinstance(messages, list) and all(
        isinstance(m, dict) and m.get("role") in ("system", "user", "assistant") and isinstance(m.get("content"), str)
        for m in messages
    )
    if not good or not messages or messages[-1]["role"] != "user":
        raise SelfscopeError(
            f'{where}: messages are [{{"role": "user", "content": ...}}, ...], and the last is the user\'s'
        )


def _check_answers(line: Mapping[str, Any], where: str) -> None:
    if "property" in line:
        if line["property"] not in PER_TEXT:
            raise SelfscopeError(f"{where}: unknown property {line['property']!r}. Known: {', '.join(PER_TEXT)}")
        for need in PROPERTIES[line["property"]].needs:
            value = line.get(need)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number if need == "threshold" else isinstance(value, str) and value.strip()):
                kind = "a number" if need == "threshold" else "text"
                raise SelfscopeError(f"{where}: the property {line['property']!r} needs {need!r}, {kind}")
        return
    options = line["options"]
    good = isinstance(options, list) and all(isinstance(o, str) and o.strip() for o in options)
    if not good or len(options) < 2 or len({_key(o) for o in options}) < len(options):
        raise SelfscopeError(f"{where}: options are at least two different short texts")
    if _key(ELSE) in [_key(o) for o in options]:
        raise SelfscopeError(f"{where}: the option {ELSE!r} is added by itself, leave it out")


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _prompt(line: Mapping[str, Any], cluster: str, subject: Subject) -> Prompt:
    messages = line.get("messages") or [{"role": "user", "content": line["prompt"]}]
    tag: dict[str, Any] = {
        "role": "behave",
        "phenomenon": "items",
        "source": "items",
        "cluster": cluster,
        "state": "plain",
    }
    if "options" in line:
        tag["replies"] = [*line["options"], "I would rather not say."]
    turns = tuple(Message(m["role"], m["content"]) for m in messages)
    lead = str(line.get("prefix", "")) or ("" if subject.chat else "Answer:")
    return Prompt(messages=turns, prefix=lead, tag=tag)


def _question(line: Mapping[str, Any]) -> Question:
    arguments = {"ask": str(line["ask"])} if "ask" in line else {}
    if "property" in line:
        own = PROPERTIES[line["property"]]
        arguments |= {need: line[need] for need in own.needs}
        return Question(own.name, own.options, arguments=arguments)
    options = tuple(Option(_key(text), text.strip()) for text in line["options"])
    return Question("option", (*options, Option("else", ELSE)), arguments=arguments, shared=False)


def _splits(clusters: Sequence[str]) -> dict[str, str]:
    """Split of each cluster, by the order of its hash; the test split is never empty."""
    order = sorted(clusters, key=lambda cluster: content_hash("split", cluster))
    test = math.ceil(SHARES["test"] * len(order))
    train = test + math.floor(SHARES["train"] * len(order))
    return {c: "test" if i < test else "train" if i < train else "dev" for i, c in enumerate(order)}
