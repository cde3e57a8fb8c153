"""Vectors for layers as GGUF files of control vectors: what repeng writes and llama.cpp reads.

A file has the architecture `controlvector`, a hint of the model's, a count of layers, and a tensor `direction.K` (D,)
for every layer: it is added to the output of block K, as here. llama.cpp takes none for block 0.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfscope.errors import BadInput, BadModel, reaching
from selfscope.subjects.damage import reading

ARCHITECTURE = "controlvector"
DIRECTION = "direction."


def save_control_vector(file: Path | str, vectors: Mapping[int, Any], model: str) -> None:
    """Writes a vector for each layer.

    Parameters
    ----------
    file : Path or str
        Replaced where it is there.
    vectors : mapping of int to array of shape (D,)
        By the number of the block whose output they are added to.
    model : str
        The model's architecture, as `llama`: a hint for who reads it.

    Raises
    ------
    BadInput
        No vectors, vectors of several widths, or a layer below 0.
    FileError
        It cannot be written.
    """
    from gguf import GGUFWriter

    arrays = {int(layer): np.ascontiguousarray(v, dtype=np.float32) for layer, v in sorted(vectors.items())}
    if not arrays or min(arrays) < 0 or len({a.shape for a in arrays.values()}) > 1:
        raise BadInput("a control vector has a vector of one width for each of some layers, from 0 on")
    target = Path(os.path.expanduser(file))
    draft = target.with_name(f"{target.name}.{os.getpid()}.part")
    with reaching(target):
        try:
            writer = GGUFWriter(draft, ARCHITECTURE)
            writer.add_string(f"{ARCHITECTURE}.model_hint", model)
            writer.add_uint32(f"{ARCHITECTURE}.layer_count", len(arrays))
            for layer, array_D in arrays.items():
                writer.add_tensor(f"{DIRECTION}{layer}", array_D)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


def load_control_vector(file: Path | str) -> tuple[dict[int, Any], str]:
    """What such a file holds.

    Parameters
    ----------
    file : Path or str
        As repeng, llama.cpp or `save_control_vector` wrote it.

    Returns
    -------
    (dict of int to array of shape (D,), str)
        The vectors by layer, and the hint of the model's architecture (empty: none).

    Raises
    ------
    BadModel
        A damaged file, or one of another kind.
    """
    from gguf import GGUFReader

    what = f"the control vector {file}"
    with reading(f"{what} cannot be read"):
        reader = GGUFReader(Path(os.path.expanduser(file)))
        kind, hint = (_text(reader, name) for name in ("general.architecture", f"{ARCHITECTURE}.model_hint"))
        vectors = {}
        for tensor in reader.tensors:
            name = str(tensor.name)
            if name.startswith(DIRECTION) and name.removeprefix(DIRECTION).isdigit():
                vectors[int(name.removeprefix(DIRECTION))] = np.array(tensor.data, dtype=np.float32)
    if kind != ARCHITECTURE:
        raise BadModel(f"{what} is no control vector: its architecture is {kind!r}")
    if not vectors or len({v.shape for v in vectors.values()}) > 1 or any(v.ndim != 1 for v in vectors.values()):
        raise BadModel(f"{what} has no vector of one width for each of its layers")
    return dict(sorted(vectors.items())), hint


def _text(reader: Any, name: str) -> str:
    field = reader.get_field(name)
    return "" if field is None else str(field.contents())
