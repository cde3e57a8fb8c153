"""An adapter on disk: a folder as peft writes one, and a sidecar that says on what it was made, how it acts and how it
was trained. It is put on the model that it was made on, or refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput, BadModel, FileError, lacking_folder, reaching
from selfscope.subjects.cache import make_folder
from selfscope.subjects.damage import read_json, reading
from selfscope.subjects.live_adapters import CARRIES, Adapter, LoraShape, identity_of, names_of
from selfscope.subjects.local_weights import LocalWeights
from selfscope.subjects.model_files import ADAPTER
from selfscope.subjects.tensor_files import load_tensors, save_tensors

SIDECAR = "selfscope.json"
SCHEMA = 1
WRITTEN = "written"
"""In the place of a carry: no weights, but vectors that are written into every row (`written_files`)."""


@dataclass(frozen=True)
class Sidecar:
    """What stands beside the weights of an adapter.

    Attributes
    ----------
    kind : str
        What it is: reporter, reader, organism, control.
    base, base_name : str
        Identity and name of the subject that it was made on.
    tokenizer : str
        Hash of that subject's vocabulary.
    carry : str
        always, switched, or written: vectors in the place of weights.
    identity : str
        Hash of its weights and of how it acts.
    shape : LoraShape
    made : mapping
        How it was trained: data, objective, schedule, seed, loss; what it damages.
    """

    kind: str
    base: str
    base_name: str
    tokenizer: str
    carry: str
    identity: str
    shape: LoraShape
    made: Mapping[str, Any]

    @property
    def twin(self) -> str:
        """What makes a twin of it, in a word or two; empty: it is none."""
        if "labels_of" in self.made:
            return "another's deeds"
        if "benign=true" in str(self.made.get("organism", "")):
            return "benign"
        return "shuffled" if "shuffled=true" in str(self.made.get("lesson", "")) else ""


def save_adapter(
    folder: Path, subject: LocalWeights, adapter: Adapter, kind: str, made: Mapping[str, Any]
) -> Sidecar:
    """Writes an adapter of a subject. The folder is there whole, or not at all.

    Parameters
    ----------
    folder : Path
        Replaced where it holds another adapter.
    subject : LocalWeights
        That the adapter was trained on, without it.
    adapter : Adapter
    kind : str
        reporter, reader, organism, control.
    made : mapping
        JSON-ready: how it was trained.

    Returns
    -------
    Sidecar
        As it was written.

    Raises
    ------
    FileError
        It cannot be written, or the folder holds something else.
    """
    side = Sidecar(
        kind, subject.identity, subject.name, subject.vocabulary_hash, adapter.carry, adapter.identity, adapter.shape,
        dict(made),
    )  # fmt: skip

    def fill(draft: Path) -> None:
        save_tensors(draft / ADAPTER[1], adapter.state())
        (draft / ADAPTER[0]).write_text(json.dumps(_config(subject, adapter), indent=1), encoding="utf-8")

    save_folder(folder, side, fill)
    return side


def save_folder(folder: Path, side: Sidecar, fill: Callable[[Path], None] = lambda draft: None) -> None:
    """Writes a sidecar and what stands beside it. The folder is there whole, or not at all.

    Parameters
    ----------
    folder : Path
        Replaced where it has a sidecar already.
    side : Sidecar
        What it says.
    fill : callable
        Writes the rest into the folder that it is given.

    Raises
    ------
    FileError
        It cannot be written, or the folder holds something else.
    """
    with reaching(folder):
        if folder.exists() and any(folder.iterdir()) and not (folder / SIDECAR).exists():
            raise FileError(f"{folder} holds other files: give the adapter a folder of its own")
        folder.parent.mkdir(parents=True, exist_ok=True)

        def whole(draft: Path) -> None:
            fill(draft)
            (draft / SIDECAR).write_text(json.dumps({"schema": SCHEMA, **asdict(side)}, indent=1), encoding="utf-8")

        make_folder(folder, whole)


def _config(subject: LocalWeights, adapter: Adapter) -> dict[str, Any]:
    """What peft reads; modules by their full paths, so that it finds exactly those."""
    return {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": subject.name,
        "r": adapter.shape.rank, "lora_alpha": adapter.shape.alpha, "lora_dropout": 0.0, "bias": "none",
        "target_modules": list(adapter.targets), "inference_mode": True, "fan_in_fan_out": False,
    }  # fmt: skip


def is_ours(folder: Path | str) -> bool:
    """Whether a folder holds an adapter with a sidecar."""
    return (Path(os.path.expanduser(folder)) / SIDECAR).is_file()


def read_sidecar(folder: Path | str) -> Sidecar:
    """What a folder's sidecar says. Raises BadModel for one that is none."""
    place = Path(os.path.expanduser(folder))
    if not (place / SIDECAR).is_file():
        raise BadModel(f"{lacking_folder(folder, SIDECAR, 'adapter that was trained here')}: give one that fit wrote")
    held = read_json(place / SIDECAR, f"the adapter {folder}")
    what = f"the adapter {folder}: {SIDECAR}"
    if held.get("schema") != SCHEMA:
        raise BadModel(f"{what} has the schema {held.get('schema')!r}, and {SCHEMA} is known here")
    texts = {}
    for name in ("kind", "base", "base_name", "tokenizer", "carry", "identity"):
        if not isinstance(held.get(name), str):
            raise BadModel(f"{what} lacks {name!r}: train it again, or restore the file")
        texts[name] = held[name]
    if texts["carry"] not in (*CARRIES, WRITTEN):
        raise BadModel(f"{what}: an adapter is carried {' or '.join((*CARRIES, WRITTEN))}, not {texts['carry']!r}")
    made: Any = held.get("made")
    shape: Any = held.get("shape")
    try:
        layers, modules = tuple(map(int, shape["layers"])), tuple(map(str, shape["modules"]))
        own = LoraShape(int(shape["rank"]), float(shape["alpha"]), layers, modules)
    except (TypeError, KeyError, ValueError) as error:
        raise BadModel(f"{what}: its shape is none ({type(error).__name__}: {error})") from error
    return Sidecar(**texts, shape=own, made=made if isinstance(made, dict) else {})


def load_adapter(subject: LocalWeights, folder: Path | str) -> Adapter:
    """An adapter from disk, on the subject that it was made on.

    Parameters
    ----------
    subject : LocalWeights
        Loaded as the one that it was made on: same weights, tokenizer, template and dtype.
    folder : Path or str
        That `save_adapter` wrote.

    Returns
    -------
    Adapter
        To be put on with ``subject.adapted``.

    Raises
    ------
    BadInput
        It was made on another subject.
    BadModel
        A damaged folder, or weights that are not those of the sidecar.
    """
    from safetensors.torch import load_file

    place = Path(os.path.expanduser(folder))
    side = read_sidecar(place)
    made_on(side, subject, folder)
    with reading(f"the adapter {folder} cannot be read", {str(place): str(folder)}):
        state = load_file(place / ADAPTER[1])
    adapter = subject.new_adapter(side.shape, side.carry)
    adapter.set_state(state)
    if adapter.identity != side.identity:
        raise _changed(folder)
    return adapter


def whole(side: Sidecar, folder: Path | str) -> None:
    """Raises BadModel where an adapter's weights are not those that its sidecar tells of; no model is loaded."""
    place = Path(os.path.expanduser(folder))
    targets: Any = read_json(place / ADAPTER[0], f"the adapter {folder}").get("target_modules")
    with reading(f"the adapter {folder} cannot be read", {str(place): str(folder)}):
        state = load_tensors(place / ADAPTER[1])
        if not isinstance(targets, list) or state.keys() != set(names_of(targets)):
            raise _changed(folder)
        if identity_of(side.carry, side.shape, targets, state) != side.identity:
            raise _changed(folder)


def _changed(folder: Path | str) -> BadModel:
    return BadModel(f"the adapter {folder}: its weights are not those that {SIDECAR} tells of: restore them")


def kept_adapter(subject: LocalWeights, folder: Path | str) -> Adapter:
    """An adapter from disk, loaded once for a model: one that is beside the weights already is taken. Raises as
    `load_adapter`."""
    side = read_sidecar(folder)
    made_on(side, subject, folder)
    known = (adapter for adapter in subject.made_adapters() if adapter.identity == side.identity)
    return next(known, None) or load_adapter(subject, folder)


def made_on(side: Sidecar, subject: LocalWeights, folder: Path | str) -> None:
    """Raises BadInput for another subject than the one that it was made on."""
    if side.base != subject.identity:
        environment = side.made.get("environment")
        under = environment.get("adapter") if isinstance(environment, Mapping) else None
        if under:
            raise BadInput(
                f"the adapter {folder} was made on {side.base_name} with another adapter on ({under}), and no command "
                "puts on both: train it on the model alone"
            )
        raise BadInput(
            f"the adapter {folder} was made on {side.base_name} ({side.base[:6]}), and this is {subject.name} "
            f"({subject.identity[:6]}): weights, tokenizer, template and dtype have to be the same"
        )
