"""A trained decoder: the subject with a small trained part on reads a state that is written into a prompt of its own.

Frozen: it was trained elsewhere, and its folder says on what. Options are ranked by log-probability minus what they
have when nothing is written. D width, K options.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from selfscope.errors import BadInput
from selfscope.readers.decoder_files import DecoderFiles, check, read_decoder
from selfscope.readers.decoder_states import StatesOf, states_of, vectors_of
from selfscope.readers.inversion import inverted, shown_texts
from selfscope.readers.open_answers import open_answers
from selfscope.readers.vector_arms import Place, evidence_of, mean_vectors
from selfscope.records import Cost, Identified, Injection, Outcome, Prompt, Reading, Trial, Truth, Vector
from selfscope.records.contracts import CONTRACT
from selfscope.statistics import softmax
from selfscope.subjects.base import AdaptableSubject, OpenSubject, Subject, reaches
from selfscope.wording.decoder_prompts import SlottedPrompt, answers, decoder_prompt, filled_prompt
from selfscope.wording.questions import question_core

RIVALS = ("", "bias", "neighbour", "tokens", "inversion")
TAUGHT = ("tokens", "bias")
"""Those that may have been taught beside a decoder, in folders of their own."""
SHARP = 20.0
"""How sharply the likeness of neighbours (a cosine) is taken."""


@dataclass(frozen=True)
class Decoder(Identified):
    """A trained decoder: what was learnt to be read from a state, in words.

    The subject with the decoder's own small part on is asked about a state that is written into a prompt. Options are
    ranked by log-probability minus what they have when nothing is written. Arms: text gives the read tokens themselves
    in the places of their states.

    Parameters
    ----------
    folder
        Where the decoder stands.
    artifact
        The beginning of its content's hash, so that another one in the same folder is told from it (empty: any).
    layer
        Where the state is read, one that it was trained at (None: as its folder says).
    position
        Index into the positions of the evidence (None: as its folder says).
    rival
        Instead of the decoder. bias: its prompt without any state in it, with the bias that was taught beside it where
        there is one. neighbour: what the nearest state of its train split was, no model asked. tokens: the same
        decoder, taught beside it with the embeddings of the read tokens. inversion: the words that the output head
        finds in the state, given to the untaught model.
    means
        Mean vectors, learnt by `fit`: place -> (D,); no part of the configuration.

    References
    ----------
    Pan et al. 2024, LatentQA: Teaching LLMs to Decode Activations Into Natural Language.
    Karvonen et al. 2025, Activation Oracles.
    """

    kind: ClassVar[str] = "decoder"
    own_layer: ClassVar[bool] = True
    folder: str = ""
    artifact: str = ""
    layer: int | None = None
    position: int | None = None
    rival: str = ""
    means: Mapping[Place, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.rival not in RIVALS:
            raise BadInput(f"there is no rival {self.rival!r} of a decoder; there are: {', '.join(RIVALS[1:])}")

    @property
    def title(self) -> str:
        what = {
            "": "trained decoder", "bias": "trained decoder, no state", "neighbour": "nearest training state",
            "tokens": "decoder trained on the tokens", "inversion": "words found in the state",
        }  # fmt: skip
        return what[self.rival]

    @property
    def rung(self) -> str:
        return "probe"

    @classmethod
    def planned(cls, subject: Subject, formats: Sequence[str], settings: Mapping[str, Any]) -> list[Decoder]:
        """The decoder, and beside it what it has to beat: the nearest state of its train split, if it keeps them, the
        words in the state, and what was taught beside it.

        Parameters
        ----------
        subject
            Of the study: the decoder's own base.
        formats
            Not used: a decoder has words of its own.
        settings
            Fields that were asked for.

        Returns
        -------
        list[Decoder]
            With the hash of what the folder holds.

        Raises
        ------
        BadInput, BadModel
            A decoder of another subject, and a folder that holds none.
        """
        first = cls(**settings)
        files = first._files()
        check(files, first.folder, subject)
        first = replace(first, artifact=files.contract.content[:12])
        if "rival" in settings:
            return [first]
        beside = [name for name in TAUGHT if first._beside(name)]
        rivals = [*(["neighbour"] if files.labels else []), "inversion", *beside]
        return [first, *(replace(first, rival=name) for name in rivals)]

    def fit(self, subject: Subject, trials: Sequence[Trial], truths: Sequence[Truth]) -> Decoder:
        """Learns the mean vectors of the train trials; the decoder itself learns nothing."""
        if not reaches(subject, "activations"):
            return self
        train = [t for t in trials if t.split == "train" and t.evidence is not None]
        contract, means = self._files().contract, dict[Place, Any]()
        for column in self._columns(contract.columns or (-1,)):
            means |= mean_vectors(cast(OpenSubject, subject), train, contract.layers, column)
        return replace(self, means=means)

    def read(self, subject: Subject, trials: Sequence[Trial]) -> list[Reading]:
        """One reading a trial, in two calls: one capture, one score of every trial with and without its state."""
        if not reaches(subject, "activations"):
            return [Reading(Outcome.UNSUPPORTED)] * len(trials)
        files, able = self._files(), cast(OpenSubject, subject)
        check(files, self.folder, subject)
        if self.rival in TAUGHT and self._beside(self.rival):
            # Tokens have no layer, and a bias has no state: a layer that is asked for is the decoder's, not theirs.
            return Decoder(self._beside(self.rival), position=self.position, means=self.means).read(subject, trials)
        if self.rival == "tokens":
            raise BadInput(f"beside the decoder {self.folder} none was taught on tokens: fit it with twins=(tokens)")
        columns = self._columns(files.contract.columns)
        placed = [states_of(trial, files.contract, self.layer, columns) for trial in trials]
        there = [(t, p) for t, p in zip(trials, placed, strict=True) if p is not None]
        ready = iter(vectors_of(able, files, there, self.means))
        states = [None if p is None else next(ready) for p in placed]
        if self.rival == "neighbour":
            return [self._neighbour(files, t, s) for t, s in zip(trials, states, strict=True)]
        if self.rival == "inversion":
            found = inverted(able, files, trials, states)
            return [r or _unsupported(t, files, "there is no state in it") for t, r in zip(trials, found, strict=True)]
        on = cast(AdaptableSubject, able).with_adapter(self.folder) if files.contract.adapter else able
        readings = [_unsupported(t, files) for t in trials]
        for is_open in (False, True):
            rows = [i for i, t in enumerate(trials) if states[i] is not None and t.question.open == is_open]
            asked = _Asked(on, files, self.rival == "bias")
            own = asked.all([(trials[i], cast(StatesOf, states[i])) for i in rows], is_open=is_open)
            for i, reading in zip(rows, own, strict=True):
                readings[i] = reading
        return readings

    def _files(self) -> DecoderFiles:
        files = read_decoder(self.folder)
        if not files.contract.content.startswith(self.artifact):
            raise BadInput(
                f"the folder {self.folder} holds another decoder by now ({files.contract.content[:12]}, not "
                f"{self.artifact}): give the folder of the one that was meant"
            )
        return files

    def _beside(self, rival: str) -> str:
        """The folder of a rival that was taught beside it; empty where none was."""
        place = Path(os.path.expanduser(self.folder)) / "rivals" / rival
        return str(place) if (place / CONTRACT).is_file() else ""

    def _columns(self, own: Sequence[int]) -> tuple[int, ...]:
        return tuple(own) if self.position is None else (self.position,)

    def _neighbour(self, files: DecoderFiles, trial: Trial, states: StatesOf | None) -> Reading:
        """What the nearest states of the train split were, among the options: those of the same kind of question, where
        there are any. A vector that is none says nothing."""
        own_kind = any(kind == trial.task for kind, _ in files.labels)
        labels = [label.casefold() if not own_kind or kind == trial.task else "" for kind, label in files.labels]
        wanted = [text.strip().casefold() for text in trial.question.shown_texts]
        if states is None or trial.arm in ("text", "full") or not set(labels) & set(wanted):
            return _unsupported(trial, files, "no option is what a state of its train split was")
        near = np.asarray(files.tensors["near"], dtype=np.float64)
        own = states.joined(files.contract.columns)
        likeness = np.zeros(len(near))
        if own is not None and len(own) == near.shape[1] and np.any(own):
            likeness = near @ own / (np.linalg.norm(near, axis=1) * np.linalg.norm(own) + 1e-12)
        best = [max((x for x, label in zip(likeness, labels, strict=True) if label == w), default=None) for w in wanted]
        least = min(x for x in best if x is not None)
        ranked = [SHARP * (least if x is None else x) for x in best]
        return Reading(Outcome.ANSWERED, softmax(ranked), first=trial.question.shown[0], extra=states.where())


@dataclass(frozen=True)
class _Asked:
    """What asks the decoder. on: the subject with its adapter on. bare: no state is used."""

    on: OpenSubject
    files: DecoderFiles
    bare: bool
    slots: dict[Any, SlottedPrompt] = field(default_factory=dict)

    def all(self, pairs: Sequence[tuple[Trial, StatesOf]], *, is_open: bool) -> list[Reading]:
        if not pairs:
            return []
        slots = [self._slotted(trial, states) for trial, states in pairs]
        empty = [self._steered(Prompt(ids=slot.ids)) for slot in slots]
        prompts = [self._prompt(t, s, slot) for (t, s), slot in zip(pairs, slots, strict=True)]
        if is_open:
            readings = open_answers(self.on, prompts, empty)
            return [replace(r, extra={**r.extra, **s.where()}) for r, (_, s) in zip(readings, pairs, strict=True)]
        words = [list(answers(self.files.contract.words, t.question.shown_texts)) for t, _ in pairs]
        scores = self.on.score([*prompts, *empty], [*words, *words])
        out = []
        for i, (trial, states) in enumerate(pairs):
            own, base = ([math.fsum(c) for c in scores[k]] for k in (i, i + len(pairs)))
            ranked = own if trial.arm == "none" else [a - b for a, b in zip(own, base, strict=True)]
            first, where = trial.question.shown[0], states.where()
            out.append(Reading(Outcome.ANSWERED, softmax(ranked), first=first, extra=where, cost=Cost(calls=2)))
        return out

    def _slotted(self, trial: Trial, states: StatesOf) -> SlottedPrompt:
        asked = (question_core(trial), tuple(shown_texts(trial)), tuple(states.runs))
        if asked not in self.slots:
            self.slots[asked] = decoder_prompt(self.on, self.files.contract.words, *asked)
        return self.slots[asked]

    def _prompt(self, trial: Trial, states: StatesOf, slot: SlottedPrompt) -> Prompt:
        if trial.arm == "full":
            words = evidence_of(trial).full or "..."
            contract, asked = self.files.contract, question_core(trial)
            return self._steered(filled_prompt(contract.words, words, asked, shown_texts(trial)))
        if trial.arm == "text":
            ids = self.on.encode(evidence_of(trial).prompt)
            return self._steered(slot.filled([[ids[p] for p in states.positions] for _ in slot.slots]))
        contract, writes = self.files.contract, []
        places = [p for run in slot.slots for p in run]
        written = states.written(self.files, bare=self.bare)
        strength = float(trial.coordinates.get("strength", contract.strength))
        layer = int(trial.coordinates.get("target_layer", contract.layer))
        for position, vector_D in zip(places, written, strict=True):
            if vector_D is not None:
                writes.append(Injection(layer, Vector.of(vector_D), (position,), contract.operator, strength))
        return self._steered(Prompt(ids=slot.ids, interventions=tuple(writes)))

    def _steered(self, prompt: Prompt) -> Prompt:
        every = tuple(
            Injection(layer, Vector.of(self.files.tensors[f"steer.{layer}"]), operator="add", schedule="every")
            for layer in self.on.layers
            if f"steer.{layer}" in self.files.tensors
        )
        return replace(prompt, interventions=(*prompt.interventions, *every)) if every else prompt


def _unsupported(trial: Trial, files: DecoderFiles, why: str = "") -> Reading:
    known = ", ".join(map(_plus, files.contract.combinations))
    return Reading(Outcome.UNSUPPORTED, extra={"why": why or f"the decoder was trained on the layers {known} alone"})


def _plus(layers: Iterable[int]) -> str:
    return "+".join(map(str, layers))
