"""The linear input rival: the text rival's model, learnt from another subject's behaviour that ships with the package.

It never saw a truth of the subject that it forecasts, so it stands on the rung input.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import resources
from typing import Any, ClassVar

from selfscope.readers.history_baseline import RIDGES, Fitted, forecasts, learnt
from selfscope.records import SCHEMA, Identified, Option, Prompt, Question, Reading, Trial, Truth, to_json
from selfscope.subjects.base import Subject


@dataclass(frozen=True)
class InputBaseline(Identified):
    """The same linear model, learnt from what another subject did: it never saw a truth of this one.

    The histories of other subjects ship with the package, each a file of trials and truths. The truths that `fit` is
    given are not looked at. UNSUPPORTED about the subject whose history it is, and where there is no such file.

    Parameters
    ----------
    number
        1 for the first file ("input_baseline"), 2 for the second ("input_baseline[number=2]"), in the order of their
        names.
    fits
        Learnt by `fit`, by (phenomenon, quantity); no part of the configuration.
    """

    kind: ClassVar[str] = "input_baseline"
    short: ClassVar[str] = "text alone"
    number: int = 1
    fits: Mapping[tuple[str, str], Fitted] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def planned(cls, subject: Subject, formats: Sequence[str], settings: Mapping[str, Any]) -> list[InputBaseline]:
        """One for each shipped history that is not this subject's own, unless one was asked for.

        Parameters
        ----------
        subject
            Whom the study is about.
        formats
            Not looked at: it asks nobody.
        settings
            Fields that were asked for.

        Returns
        -------
        list[InputBaseline]
            In the order of the files' names.
        """
        if settings:
            return [cls(**settings)]
        others = [n for n, history in enumerate(histories(), 1) if not history.of(subject.identity, subject.name)]
        return [cls(n) for n in others]

    @property
    def title(self) -> str:
        return "linear model of the text" + ("" if self.number == 1 else f" ({self.number})")

    @property
    def rung(self) -> str:
        return "input"

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> InputBaseline:
        """Learns from the file, for the phenomena that occur among the trials."""
        known = histories()
        if self.number > len(known) or known[self.number - 1].of(subject.identity, subject.name):
            return replace(self, fits={})
        fits: dict[tuple[str, str], Fitted] = {}
        for phenomenon in sorted({trial.phenomenon for trial in trials}):
            fits |= _learnt_from(self.number - 1, phenomenon)
        return replace(self, fits=fits)

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """Forecasts from the other subject's history."""
        return forecasts(self.fits, trials)


@dataclass(frozen=True)
class History:
    """What another subject did: plain trials (public parts only) and their mean truths."""

    name: str
    identity: str
    trials: tuple[Trial, ...] = field(repr=False)
    means: tuple[tuple[float, ...], ...] = field(repr=False)

    def of(self, identity: str, name: str = "") -> bool:
        """Whether it is this subject's own. A name counts too: another dtype or file of a model is no other subject."""
        return self.identity == identity or (bool(name) and self.name == name)


@lru_cache(maxsize=1)
def histories() -> tuple[History, ...]:
    """The histories of other subjects that ship with the package, by file name."""
    folder = resources.files("selfscope") / "data" / "others"
    if not folder.is_dir():
        return ()
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".jsonl.gz")), key=lambda f: f.name)
    return tuple(read_history(f.read_bytes()) for f in files)


def write_history(name: str, identity: str, trials: Sequence[Trial], truths: Sequence[Truth]) -> bytes:
    """The gzipped lines of a history file: a header, then a line for each trial. The same input, the same bytes."""
    lines = [to_json({"name": name, "identity": identity, "schema": SCHEMA})]
    by_trial = {truth.trial: truth for truth in truths}
    for t in trials:
        q = t.question
        line = {
            "phenomenon": t.phenomenon, "source": t.source, "cluster": t.cluster, "public": t.public,
            "quantity": q.quantity, "arguments": q.arguments, "options": [[o.key, o.text] for o in q.options],
            "shared": q.shared, "order": q.order, "mean": [round(p, 4) for p in by_trial[t.id].mean],
        }  # fmt: skip
        lines.append(to_json(line))
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def read_history(data: bytes) -> History:
    """The history that `write_history` wrote."""
    head, *lines = (json.loads(line) for line in gzip.decompress(data).decode().split("\n") if line)
    trials = tuple(_past(n, line) for n, line in enumerate(lines))
    return History(head["name"], head["identity"], trials, tuple(tuple(line["mean"]) for line in lines))


def _past(number: int, line: Mapping[str, Any]) -> Trial:
    options = tuple(Option(key, text) for key, text in line["options"])
    question = Question(
        line["quantity"], options, arguments=line["arguments"], shared=line["shared"], order=tuple(line["order"])
    )
    return Trial(
        id=f"history-{number}", phenomenon=line["phenomenon"], source=line["source"], cluster=line["cluster"],
        task="", split="train", question=question, prompt=Prompt(text=line["public"]), public=line["public"],
        observation="",
    )  # fmt: skip


@lru_cache(maxsize=32)
def _learnt_from(place: int, phenomenon: str) -> dict[tuple[str, str], Fitted]:
    history = histories()[place]
    rows = [i for i, trial in enumerate(history.trials) if trial.phenomenon == phenomenon]
    return learnt([history.trials[i] for i in rows], [history.means[i] for i in rows], RIDGES)
