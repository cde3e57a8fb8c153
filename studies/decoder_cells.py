"""The cells of `decoders.py`: a decoder trained from one seed, or a layer's untrained rivals, read on all splits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from kept import FOUND, keep, known

from selfscope.api.decoders import fit_decoder
from selfscope.cli.progress import Bar
from selfscope.controls.arms import Arms
from selfscope.readers.centred_lens import CentredLens
from selfscope.readers.decoder import Decoder
from selfscope.readers.decoder_files import read_decoder
from selfscope.readers.ridge_probe import RidgeProbe
from selfscope.records import Option, Trial, Truth, content_hash
from selfscope.subjects.local import Local
from selfscope.subjects.sealed import Log, SealedSubject, SealRegistry
from selfscope.training.bank import NOTHING
from selfscope.training.decoder_lesson import DecoderLesson
from selfscope.training.decoder_material import Material
from selfscope.training.decoder_trials import shuffled, trials_of
from selfscope.training.fit_decoder import USUAL
from selfscope.verdicts.arm_gaps import right

LARGE = ("topic", "persona", "word", "goal", "trait")
"""Families with more than 40 values on either side: 464 values of train, 279 of test."""
ARMS = ("none", "random", "mean", "text")
"""Beside another item's states."""
PLACES = (-1, -2, -3, -4)
"""Tokens that are read, from the last one on."""
SURE = ("sure", "unsure")
ROTATIONS = 3
"""Further orders of the options, whose agreement is a confidence."""
ASKED = 120
"""Items of a split that are asked in them: four more questions each."""
STUDY = "decoders"
PARTS = ("split", "arm", "reader", "layer", "position")
"""Of a row: which part of all rows it is in."""
COLUMNS = ("right", "said", "agreement", "stated")
"""Of a row: what was measured."""


@dataclass(frozen=True)
class Cell:
    """group: of the page. name: what is compared. lesson: what is trained; of the untrained rivals what they are asked
    about. layers: of the untrained rivals. taught: it is a rival of this kind. sizes: of the test splits."""

    group: str
    name: str
    lesson: DecoderLesson
    seed: int
    sizes: tuple[tuple[str, int], ...]
    layers: tuple[int, ...] = ()
    taught: str = ""

    @property
    def key(self) -> str:
        """Its folder."""
        return f"{self.group}-{self.name.replace(' ', '-').replace(',', '')}-{self.recipe}-seed{self.seed}"

    @property
    def recipe(self) -> str:
        """Of all that decides what is found, but for the seed."""
        return content_hash(self.lesson.id, self.layers, self.sizes, replace(USUAL, seed=0), size=8)


def done(cell: Cell, found: Path = FOUND) -> dict[str, Any] | None:
    """What was found; None where the cell is not finished."""
    held = known(STUDY, cell.key, cell.recipe, found)
    return held and {**held, "rows": unpacked(held["rows"])}


def run(subject: Local, cell: Cell, place: Path, kept: Path = FOUND) -> dict[str, Any]:
    """Trains where it is not trained, reads, and keeps what was found. place: of what is trained."""
    held = done(cell, kept)
    if held is not None:
        return held
    folder = place / cell.key
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {split: size for split, size in cell.sizes if size}  # dev is a part of train
    material = cell.lesson.material(subject, cell.seed, drawn)
    precision = ""
    if not cell.layers:
        cpu = fitted(subject, cell, folder)
        precision = read_decoder(str(folder / "decoder")).contract.made["schedule"]["precision"]
        rows = decoder_rows(subject, cell, material, Decoder(str(folder / "decoder")))
    else:
        start = time.process_time()
        rows = rival_rows(subject, cell, material)
        cpu = time.process_time() - start
    found = {"group": cell.group, "name": cell.name, "seed": cell.seed, "lesson": cell.lesson.id, "cpu": round(cpu, 1),
             "precision": precision, "layers": cell.layers, "taught": cell.taught, "rows": packed(rows)}  # fmt: skip
    keep(STUDY, cell.key, cell.recipe, found, kept)
    return {**found, "rows": rows}


def packed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as they are kept: each item once, and for every arm and reader a list of what differs."""
    items: dict[str, list[list[Any]]] = {}
    parts: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        parts.setdefault(tuple(row.get(key) for key in PARTS), []).append(row)
    out = []
    for key, own in parts.items():
        part = {name: value for name, value in zip(PARTS, key, strict=True) if value is not None}
        told = [[row["kind"], row["value"], row["clean"]] for row in own]
        if items.setdefault(part["split"], told) != told:
            raise ValueError(f"the items of {part} are others than those of the same split before")
        columns = {name: _short([row.get(name) for row in own]) for name in COLUMNS if any(name in row for row in own)}
        out.append({**part, **columns})
    return {"items": items, "parts": out}


def _short(values: list[Any]) -> list[Any] | str:
    """Ones and zeros as a text."""
    return "".join("01"[int(v)] for v in values) if all(v in (0, 1) for v in values) else values


def _long(name: str, values: list[Any] | str) -> list[Any]:
    kind: Any = bool if name == "said" else float
    return [kind(int(v)) for v in values] if isinstance(values, str) else values


def unpacked(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows as they were."""
    rows = []
    for part in held["parts"]:
        own = {key: part[key] for key in PARTS if key in part}
        told = {name: _long(name, part[name]) for name in COLUMNS if name in part}
        for k, (kind, value, clean) in enumerate(held["items"][part["split"]]):
            columns = {name: values[k] for name, values in told.items() if values[k] is not None}
            rows.append({**own, "kind": kind, "value": value, "clean": clean, **columns})
    return rows


def fitted(subject: Local, cell: Cell, folder: Path) -> float:
    """Trains; CPU-seconds that it took, of all sittings."""
    file, target = folder / "cpu.json", folder / "decoder"
    spent = json.loads(file.read_text(encoding="utf-8")) if file.exists() else 0.0
    if not (target / "reader.json").exists():
        start = time.process_time()
        schedule = replace(USUAL, precision="bf16", seed=cell.seed)
        try:
            with Bar(first=cell.key) as bar:
                fit_decoder(
                    subject, target, cell.lesson, schedule=schedule, states=folder.parent / "states", resume=True,
                    progress=bar,
                )  # fmt: skip
        finally:
            spent += time.process_time() - start
            file.write_text(json.dumps(spent), encoding="utf-8")
    return float(spent)


def decoder_rows(subject: Local, cell: Cell, material: Material, reader: Decoder) -> list[dict[str, Any]]:
    """Each test item under every arm, and by every rival that stands in the folder."""
    rows: list[dict[str, Any]] = []
    for split, _ in cell.sizes:
        items = material.of(split)
        trials, truths = trials_of(material, items)
        if not trials:
            continue
        if cell.taught:
            rows += _rows(reader.read(subject, trials), trials, truths, cell.taught, {})
            continue
        arms = [trials, shuffled(material, items, trials, cell.seed)]
        arms += [[t for t in Arms().apply(trials, cell.seed) if t.arm == kind] for kind in ARMS]
        some = trials[:: max(1, len(trials) // ASKED)]
        sure = confidence(subject, reader, some) if cell.group != "table" else {}
        flat = [t for own in arms for t in own]
        rows += _rows(reader.read(subject, flat), flat, truths, "", sure)
        rivals = Decoder.planned(subject, (), {"folder": reader.folder})[1:]
        for rival in rivals:
            rows += _rows(rival.read(subject, trials), trials, truths, rival.rival, {})
    return rows


def rival_rows(subject: Local, cell: Cell, material: Material) -> list[dict[str, Any]]:
    """The centred lens at each of PLACES, and the ridge probe at the best of them, at every layer, with the same train
    items and the same options. States are captured once for all."""
    once = SealedSubject(subject, "rivals", SealRegistry(), Log())
    train = trials_of(material, material.of("train"))
    readers = [RidgeProbe(), *(CentredLens(layer=cell.layers[0], position=p) for p in PLACES)]
    fits = [reader.fit(once, *train) for reader in readers]  # one after the other: the last capture alone is kept
    rows = []
    for split, _ in cell.sizes:
        trials, truths = trials_of(material, material.of(split))
        for reader, fit in zip(readers, fits, strict=True):
            readings = fit.read(once, trials)
            for layer in cell.layers:
                own = [replace(r, distribution=tuple(r.extra["by_layer"][str(layer)])) for r in readings]
                place = {} if reader.position is None else {"position": reader.position}
                rows += [{**row, "layer": layer, **place} for row in _rows(own, trials, truths, reader.kind, {})]
    return rows


def _rows(
    readings: Sequence[Any], trials: Sequence[Trial], truths: Sequence[Truth], reader: str, sure: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """reader: empty for the decoder itself. said: whether another answer than NOTHING was given. Who has no answer, as
    the nearest neighbour where no option was ever trained, guesses."""
    of = {truth.trial: truth for truth in truths}
    out = []
    for reading, trial in zip(readings, trials, strict=True):
        truth, count = of[trial.base or trial.id], len(trial.question.options)
        answered = reading.distribution is not None
        said = trial.question.options[int(np.argmax(reading.distribution))].text if answered else ""
        hit = round(float(right(reading, truth)), 4) if answered else 1 / count
        row = {"split": trial.split, "kind": trial.task, "value": trial.cluster, "arm": trial.arm, "reader": reader,
               "right": hit, "clean": trial.cluster.endswith(f": {NOTHING}"),
               "said": said != NOTHING}  # fmt: skip
        out.append({**row, **sure.get(trial.id, {})} if trial.arm == "real" else row)
    return out


def confidence(subject: Local, reader: Decoder, trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """Of each trial how many of its orders give its answer, and how sure the decoder says that it is."""
    turned = [
        replace(t, id=f"{t.id}.{k}", question=replace(t.question, order=t.question.order[k:] + t.question.order[:k]))
        for k in range(1, ROTATIONS + 1) for t in trials
    ]  # fmt: skip
    asked = [
        replace(t, id=f"{t.id}.sure", question=replace(
            t.question, options=tuple(Option(x, x) for x in SURE), order=(0, 1),
            arguments={"ask": f"{t.question.arguments['ask']} How sure are you of the answer?"},
        )) for t in trials
    ]  # fmt: skip
    found = reader.read(subject, [*trials, *turned, *asked])
    count = len(trials)
    first, *others = (
        [int(np.argmax(r.distribution or (0.0,))) for r in found[k : k + count]]
        for k in range(0, count * (1 + ROTATIONS), count)
    )
    stated = [float((r.distribution or (0.5,))[0]) for r in found[-count:]]
    agreeing = [sum(own[k] == one for own in others) / len(others) for k, one in enumerate(first)]
    return {
        t.id: {"agreement": round(agreeing[k], 4), "stated": round(stated[k], 4)} for k, t in enumerate(trials)
    }  # fmt: skip
