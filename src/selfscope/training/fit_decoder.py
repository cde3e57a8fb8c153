"""From items to a trained decoder: the closed forms first, then the loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from selfscope.errors import BadInput
from selfscope.records import Prompt, content_hash
from selfscope.records.contracts import JOINT
from selfscope.subjects.base import OpenSubject
from selfscope.subjects.local_weights import LocalWeights
from selfscope.subjects.tensor_files import load_tensors, save_tensors
from selfscope.training.cross_fit import cross_fit
from selfscope.training.dev import Dev, Look
from selfscope.training.draws import evenly
from selfscope.training.examples import Example
from selfscope.training.features import Features
from selfscope.training.forms import Form, Ridge
from selfscope.training.items import Item, partners
from selfscope.training.live_decoder import LiveDecoder, new_decoder
from selfscope.training.loop import OnStep, Trained, train
from selfscope.training.ranks import joined
from selfscope.training.schedule import Schedule

MAPS = "maps-{key}.safetensors"
"""What was fitted, by all that decides it."""
USUAL = Schedule(objective="soft_labels", groups=32, at_once=32, rate=5e-4, warmup=0.1)
"""How decoders are trained unless told else: the loss is over the options."""


@dataclass(frozen=True)
class Course:
    """What a decoder meets besides its items, and who looks on.

    Attributes
    ----------
    blanks : float
        So many more examples, as a part of the items, without any state: then every option is as likely as another, and
        what a state adds to nothing can be told.
    shuffled : bool
        It learns from states of other items: what it learns then is what the items alone tell.
    every, patience : int
        Steps between two looks at the items of the split dev (0: none), and looks without a lower loss after which it
        ends (0: it never ends early).
    told : callable
        Told of every look.

    Raises
    ------
    BadInput
        A part below 0.
    """

    blanks: float = 0.1
    shuffled: bool = False
    every: int = 0
    patience: int = 0
    told: Callable[[Look], None] = lambda look: None

    def __post_init__(self) -> None:
        if not self.blanks >= 0:
            raise BadInput(f"blanks are a part of the items, from 0 on, not {self.blanks}")


def fit_decoder(
    subject: LocalWeights,
    form: Form,
    features: Features,
    items: Sequence[Item],
    schedule: Schedule = USUAL,
    *,
    course: Course | None = None,
    folder: Path | None = None,
    on_step: OnStep = lambda step, steps, loss: None,
) -> tuple[LiveDecoder, Trained]:
    """Trains a decoder.

    Parameters
    ----------
    subject : LocalWeights
        Whose states are read, and who reads them.
    form : Form
        What is trained.
    features : Features
        States of the contexts.
    items : sequence of Item
        Those of the split train are learnt from, those of dev looked at.
    schedule : Schedule
        How.
    course : Course, optional
        Blanks, looks at dev on the way, a twin that learns from shuffled states.
    folder : Path, optional
        Where checkpoints go.
    on_step : callable
        Told of every step.

    Returns
    -------
    (LiveDecoder, Trained)
        The decoder, and what happened. A form with nothing left to train takes no step.

    Raises
    ------
    BadInput
        No items of the train split.
    TrainingFailed, StoreError
        As `train` does.
    """
    course = course or Course()
    own = [item for item in items if item.split == "train"]
    if not own:
        raise BadInput("a decoder learns from items of the split train, and there are none")
    live = new_decoder(subject, form, features, seed=schedule.seed)
    read = partners(own, schedule.seed) if course.shuffled else [item.source for item in own]
    if isinstance(form, Ridge):
        _fit_map(live, form, own, read, schedule.seed, folder)
    if not live.parameters():
        return live, Trained(0, (), 0.0, schedule)
    if "bias" in form.trained:
        _start_at_answers(live, own)
    examples = [live.example(item, source) for item, source in zip(own, read, strict=True)]
    examples += _blank(live, own, round(course.blanks * len(own)), schedule.seed)
    dev = dev_of(live, items, course, schedule.seed)
    return live, train(subject, live, examples, schedule, folder=folder, on_step=on_step, dev=dev)


def dev_of(live: LiveDecoder, every: Sequence[Item], course: Course, seed: int) -> Dev | None:
    """What is looked at: the items of the split dev; None where nobody looks, or there are none."""
    items = [item for item in every if item.split == "dev"]
    if not course.every or not items:
        return None
    real = [live.example(item, item.source, fresh=True) for item in items]
    shuffled = [live.example(i, s, fresh=True) for i, s in zip(items, partners(items, seed), strict=True)]
    return Dev(real, shuffled, course.every, course.patience, course.told)


def _blank(live: LiveDecoder, items: Sequence[Item], count: int, seed: int) -> list[Example]:
    """Items without a state, under which no option is likelier than another."""
    drawn = [live.example(item, None) for item in evenly(items, count, seed, "blanks")]
    return [replace(e, target=(1 / len(e.target),) * len(e.target), kind="blank") for e in drawn]


def _fit_map(
    live: LiveDecoder, form: Ridge, items: Sequence[Item], read: Sequence[int], seed: int, folder: Path | None
) -> None:
    """One map for each place, from the states that are read to the embeddings of the answers; kept in the run's folder,
    so that a run that goes on elsewhere has the same to the last bit."""
    key = content_hash(live.subject.identity, form, items, read, seed)
    file = None if folder is None else folder / MAPS.format(key=key)
    known = load_tensors(file) if file is not None and file.exists() else {}
    targets = None if known else answer_embeddings(live.subject, items)
    length = live.subject.median_norm(form.layer)
    for place, states_ND, of, rows in _mapped(live, form, read):
        if targets is not None:
            fit = cross_fit(
                states_ND, targets[of], [items[k].message for k in of], [items[k].value for k in of],
                penalty=form.penalty, folds=form.folds, length=length, seed=seed,
            )  # fmt: skip
            own = {"map": fit.map_DE, "bias": fit.bias_E, "held_out": fit.held_out_NE}
            known |= {f"{name}.{place}": torch.from_numpy(array) for name, array in own.items()}
        live.fixed |= {f"{name}.{place}": known[f"{name}.{place}"] for name in ("map", "bias")}
        for k, row, token_E in zip(of, rows, known[f"held_out.{place}"].numpy(), strict=True):
            live.held_out[items[k], row, place] = token_E
    if file is not None and targets is not None and joined().first:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        save_tensors(draft, known)
        draft.replace(file)


def _mapped(
    live: LiveDecoder, form: Ridge, read: Sequence[int]
) -> Iterator[tuple[str, Any, Sequence[int], Sequence[int]]]:
    """Each map's name, the states (N, D) that it is fitted on, the items that they are of, and a row of each."""
    if form.joint:
        rows_of = [live.features.rows[source] for source in read]
        together = live.together(form.combinations[0], rows_of)
        yield JOINT, together, range(len(read)), [own[0] for own in rows_of]
        return
    for place in form.places:
        layer, column = map(int, place.split("."))
        pairs = [(k, row) for k, source in enumerate(read) for row in live.features.rows[source]
                 if live.features.column[row] == column]  # fmt: skip
        of, rows = [k for k, _ in pairs], [row for _, row in pairs]
        yield place, live.prepared(layer)[rows], of, rows


def _start_at_answers(live: LiveDecoder, items: Sequence[Item]) -> None:
    """A bias begins where the answers are, on average."""
    middle = torch.from_numpy(answer_embeddings(live.subject, items).mean(0)).float()
    with torch.no_grad():
        for name, p in live.tensors.items():
            if name.startswith("bias."):
                p.copy_(middle)


def answer_embeddings(subject: LocalWeights, items: Sequence[Item]) -> np.ndarray:
    """(N, D) what enters block 0 at the first token of each item's answer."""
    texts = [item.options[item.answer].strip() for item in items]
    known = list(dict.fromkeys(texts))
    start = len(subject.encode(Prompt(text="x")))
    able = cast(OpenSubject, subject)
    states = able.capture([Prompt(text=f"x {text}") for text in known], [-1], [[start]] * len(known)).at(-1)
    place = {text: k for k, text in enumerate(known)}
    return np.asarray(states[[place[text] for text in texts]])


def shuffled_sources(items: Sequence[Item], seed: int = 0) -> list[Item]:
    """The items, each about the states of another one: what a decoder says then it does not read in them."""
    return [replace(item, source=source) for item, source in zip(items, partners(items, seed), strict=True)]
