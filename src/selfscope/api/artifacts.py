"""Trained things on disk: what lies in a folder, whether it is whole, and how others can take it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfscope.errors import BadInput, BadModel, SelfscopeError, StoreError, reaching
from selfscope.tables import Table, Tabular

if TYPE_CHECKING:
    from selfscope.readers.decoder_files import DecoderFiles
    from selfscope.records.contracts import DecoderContract
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject

HEAD = ("folder", "what", "made on", "carried", "taught", "objective", "twin", "identity")
CONTROL_VECTOR = "control_vector.gguf"
DEEP = 3
"""Folders below the given one that are looked into."""


@dataclass(frozen=True)
class Artifact:
    """A trained thing. sidecar, or decoder: what it says of itself; fault: why that cannot be read, empty where it
    can. exported: it is a decoder as it was given to others."""

    folder: Path
    sidecar: Sidecar | None
    fault: str = ""
    decoder: DecoderContract | None = None
    exported: bool = False

    def cells(self) -> tuple[str, ...]:
        """Its line of the table."""
        if self.decoder is not None:
            own = self.decoder
            layers = ", ".join("+".join(map(str, layers)) for layers in own.combinations)
            taught = str(own.made.get("lesson", own.made.get("imported", "")))
            what = f"decoder: {own.form}{', exported' if self.exported else ''}"
            twin = next((reads for reads in ("others", "tokens") if f"reads={reads}" in taught), "")
            how = (f"reads {layers}", taught, _objective(own.made), twin and f"reads {twin}")
            return str(self.folder), what, f"{own.base_name} ({own.base[:6]})", *how, own.content[:6]
        if self.sidecar is None:
            return str(self.folder), self.fault, "", "", "", "", "", ""
        side = self.sidecar
        taught = str(side.made.get("lesson", side.made.get("organism", "")))
        vector = f"vector behind block {side.made['bias']}" if "bias" in side.made else ""
        how = (vector or side.carry, taught, _objective(side.made), side.twin)
        return str(self.folder), side.kind, f"{side.base_name} ({side.base[:6]})", *how, side.identity[:6]


def _objective(made: Mapping[str, Any]) -> str:
    schedule = made.get("schedule")
    return str(schedule.get("objective", "")) if isinstance(schedule, Mapping) else ""


@dataclass(frozen=True)
class Artifacts(Tabular):
    """Those in a folder. `print` gives a line each.

    Attributes
    ----------
    items
        Sorted by folder.
    top
        What was looked through: folders are shown as they stand in it.
    """

    items: tuple[Artifact, ...]
    top: Path = Path()

    def _table(self) -> Table:
        lines = [(os.path.relpath(one.folder, self.top), *one.cells()[1:]) for one in self.items]
        return Table(f"trained in {self.top}", HEAD, tuple(lines))


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
    from selfscope.readers.decoder_files import given_away, read_contract
    from selfscope.records.contracts import CONTRACT
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
            if SIDECAR not in files and CONTRACT not in files:
                continue
            try:
                if CONTRACT in files:
                    given = given_away(place)
                    decoder = read_contract(place) if given else _decoder(place).contract
                    found.append(Artifact(Path(place), None, decoder=decoder, exported=given))
                else:
                    found.append(Artifact(Path(place), read_sidecar(place)))
            except SelfscopeError as error:
                found.append(Artifact(Path(place), None, str(error)))
    return Artifacts(tuple(found), top)


def check(
    folder: Path | str, model: str | Subject | None = None, *, hardware: Mapping[str, str] | None = None
) -> str:
    """Whether a trained thing is whole and fits its model.

    Parameters
    ----------
    folder
        Of an adapter with a sidecar, or of a decoder.
    model
        The model that it is put on (default: the one that it says it was made on).
    hardware
        How that model is loaded (see `load`; default: in the dtype in which it was then).

    Returns
    -------
    str
        What was found, in a line.

    Raises
    ------
    SelfscopeError
        It is damaged, or was made on another model.
    """
    from selfscope.api.bases import base_of
    from selfscope.records.contracts import CONTRACT
    from selfscope.subjects.adapter_files import WRITTEN, load_adapter, read_sidecar
    from selfscope.subjects.local_weights import trainable
    from selfscope.subjects.written_files import put_on

    if (Path(folder) / CONTRACT).is_file():
        return _checked_decoder(Path(folder), model, hardware)
    side = read_sidecar(folder)
    subject = base_of(side, model, hardware)
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
        Of an adapter with a sidecar, or of a decoder.
    target
        A new folder: adapter_config.json and adapter_model.safetensors; of vectors that are added to every token, an
        organism's or a decoder's, a GGUF file as repeng and llama.cpp read it. Beside what is a decoder's stands its
        contract.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    BadInput
        The adapter is switched: others would let it act on every token, which is another model. Vectors that others
        would write in another way, or in medians whose length the sidecar does not tell. A decoder that has neither an
        adapter nor steering vectors.
    BadModel
        It is damaged: nothing is written.
    StoreError
        The target is there already.
    """
    from selfscope.records.contracts import CONTRACT
    from selfscope.subjects.adapter_files import WRITTEN, read_sidecar, whole
    from selfscope.subjects.live_adapters import SWITCHED
    from selfscope.subjects.model_files import ADAPTER
    from selfscope.subjects.written_files import layer_vectors
    from selfscope.training.control_vectors import save_control_vector

    if (Path(folder) / CONTRACT).is_file():
        return _exported_decoder(Path(folder), Path(target))
    side, place, to = read_sidecar(folder), Path(folder), Path(target)
    if side.carry == SWITCHED:
        raise BadInput(
            f"{folder} is switched: it acts from the question on alone, and whoever loads it as a plain adapter would "
            "have another model. Train it with --carry always to give it away"
        )
    if to.exists():
        raise StoreError(f"{target} is there already: give another folder")
    vectors = layer_vectors(side, folder) if side.carry == WRITTEN else {}
    if side.carry != WRITTEN:
        whole(side, folder)
    with reaching(to):
        to.mkdir(parents=True)
        if vectors:
            save_control_vector(to / CONTROL_VECTOR, vectors, side.base_name)
            return to
        for name in ADAPTER:
            shutil.copyfile(place / name, to / name)
    return to


def _decoder(folder: Path | str) -> DecoderFiles:
    from selfscope.readers.decoder_files import read_decoder

    return read_decoder(str(folder))


def _checked_decoder(folder: Path, model: str | Subject | None, hardware: Mapping[str, str] | None) -> str:
    """Its numbers are those of its contract, its adapter that of its sidecar, and both are the subject's."""
    from selfscope.api.bases import base_of
    from selfscope.readers.decoder_files import check as belongs
    from selfscope.subjects.adapter_files import load_adapter
    from selfscope.subjects.local_weights import trainable

    files = _decoder(folder)
    contract = files.contract
    subject = base_of(contract, model, hardware)
    belongs(files, str(folder), subject)
    adapter = load_adapter(trainable(subject), folder) if contract.adapter else None
    count = sum(tensor.size for name, tensor in files.tensors.items() if name != "near")
    count += 0 if adapter is None else sum(p.numel() for p in adapter.parameters())
    _whole(files, folder)
    return f"{folder}: whole, {count} numbers, a decoder that fits {subject.name} ({subject.identity[:6]})"


def _whole(files: DecoderFiles, folder: Path) -> None:
    """Raises BadModel where the tensors, labels or adapter of a decoder are not those of its contract."""
    from selfscope.subjects.adapter_files import read_sidecar, whole
    from selfscope.training.decoder_files import sealed

    contract, of_adapter = files.contract, ""
    if contract.adapter:
        side = read_sidecar(folder)
        whole(side, folder)
        of_adapter = side.identity
    if sealed(contract, files.tensors, of_adapter, files.labels).content != contract.content:
        raise BadModel(f"{folder}: its tensors are not those of its contract: train it again, or restore the folder")


def _exported_decoder(folder: Path, target: Path) -> Path:
    from selfscope.records.contracts import CONTRACT
    from selfscope.subjects.model_files import ADAPTER
    from selfscope.training.control_vectors import save_control_vector

    files = _decoder(folder)
    steering = {int(name.partition(".")[2]): t for name, t in files.tensors.items() if name.startswith("steer.")}
    if not files.contract.adapter and not steering:
        raise BadInput(
            f"{folder} is a decoder of the form {files.contract.form}, which no other program knows: its tensors stand "
            f"in it as safetensors"
        )
    if target.exists():
        raise StoreError(f"{target} is there already: give another folder")
    _whole(files, folder)
    with reaching(target):
        target.mkdir(parents=True)
        for name in (*(ADAPTER if files.contract.adapter else ()), CONTRACT):
            shutil.copyfile(folder / name, target / name)
        if steering:
            save_control_vector(target / "steering.gguf", steering, files.contract.base_name)
    return target
