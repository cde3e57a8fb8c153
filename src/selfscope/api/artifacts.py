"""Trained things on disk: what lies in a folder, whether it is whole, and how others can take it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from selfscope.errors import BadInput, SelfscopeError, StoreError, reaching
from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject

HEAD = ("folder", "what", "made on", "carried", "taught", "identity")
CONTROL_VECTOR = "control_vector.gguf"
DEEP = 3
"""Folders below the given one that are looked into."""


@dataclass(frozen=True)
class Artifact:
    """A trained thing. sidecar: what it says of itself; fault: why that cannot be read, empty where it can."""

    folder: Path
    sidecar: Sidecar | None
    fault: str = ""


@dataclass(frozen=True)
class Artifacts(Tabular):
    """Those in a folder. `print` gives a line each."""

    items: tuple[Artifact, ...]

    def _table(self) -> Table:
        rows = []
        for one in self.items:
            side = one.sidecar
            if side is None:
                rows.append((str(one.folder), one.fault, "", "", "", ""))
                continue
            taught = str(side.made.get("lesson", side.made.get("organism", "")))
            made_on = f"{side.base_name} ({side.base[:6]})"
            rows.append((str(one.folder), side.kind, made_on, side.carry, taught, side.identity[:6]))
        return Table("", HEAD, tuple(rows))


def artifacts(folder: Path | str = ".") -> Artifacts:
    """What was trained into a folder and those below it.

    Parameters
    ----------
    folder
        Looked through some levels deep.

    Returns
    -------
    Artifacts
        Sorted by folder; a damaged one is listed with its fault.

    Raises
    ------
    BadInput
        There is no such folder.
    """
    from selfscope.subjects.adapter_files import SIDECAR, read_sidecar

    top = Path(folder)
    if not top.is_dir():
        raise BadInput(f"there is no folder {str(folder)!r}")
    found = []
    with reaching(top):
        for place, inner, files in os.walk(top):
            if len(Path(place).relative_to(top).parts) >= DEEP:
                inner.clear()
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            if SIDECAR not in files:
                continue
            try:
                found.append(Artifact(Path(place), read_sidecar(place)))
            except SelfscopeError as error:
                found.append(Artifact(Path(place), None, str(error)))
    return Artifacts(tuple(found))


def check(folder: Path | str, model: str | Subject | None = None) -> str:
    """Whether a trained thing is whole and fits its model.

    Parameters
    ----------
    folder
        Of an adapter with a sidecar.
    model
        The model that it is put on (default: the one that it says it was made on).

    Returns
    -------
    str
        What was found, in a line.

    Raises
    ------
    SelfscopeError
        It is damaged, or was made on another model.
    """
    from selfscope.api.loading import load
    from selfscope.subjects.adapter_files import WRITTEN, load_adapter, read_sidecar
    from selfscope.subjects.local_weights import trainable
    from selfscope.subjects.written_files import put_on

    side = read_sidecar(folder)
    subject = model if model is not None and not isinstance(model, str) else load(model or side.base_name)
    if side.carry == WRITTEN:
        count = sum(len(own.vector.array) for own in put_on(trainable(subject), folder).standing)
    else:
        count = sum(p.numel() for p in load_adapter(trainable(subject), folder).parameters())
    return f"{folder}: whole, {count} numbers, fits {subject.name} ({subject.identity[:6]}), carried {side.carry}"


def export(folder: Path | str, target: Path | str) -> Path:
    """A copy that peft and others read.

    Parameters
    ----------
    folder
        Of an adapter with a sidecar.
    target
        A new folder: adapter_config.json and adapter_model.safetensors; of vectors control_vector.gguf, as repeng and
        llama.cpp read it.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    BadInput
        The adapter is switched: others would let it act on every token, which is another model. Or vectors that others
        would write in another way.
    StoreError
        The target is there already.
    """
    from selfscope.subjects.adapter_files import WRITTEN, read_sidecar
    from selfscope.subjects.live_adapters import SWITCHED
    from selfscope.subjects.model_files import ADAPTER
    from selfscope.subjects.written_files import layer_vectors
    from selfscope.training.control_vectors import save_control_vector

    side, place, to = read_sidecar(folder), Path(folder), Path(target)
    if side.carry == SWITCHED:
        raise BadInput(
            f"{folder} is switched: it acts from the question on alone, and whoever loads it as a plain adapter would "
            "have another model. Train it with --carry always to give it away"
        )
    if to.exists():
        raise StoreError(f"{target} is there already: give another folder")
    vectors = layer_vectors(side, folder) if side.carry == WRITTEN else {}
    with reaching(to):
        to.mkdir(parents=True)
        if vectors:
            save_control_vector(to / CONTROL_VECTOR, vectors, side.base_name)
            return to
        for name in ADAPTER:
            shutil.copyfile(place / name, to / name)
    return to
