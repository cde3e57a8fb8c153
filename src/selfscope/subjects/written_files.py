"""A standing intervention on disk: a sidecar alone, as an adapter has one, whose vectors are written into every row.

It is put on where an adapter is: `load(model, adapter=folder)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from selfscope.errors import BadInput, BadModel
from selfscope.records import Injection, content_hash, to_jsonable
from selfscope.records.contracts import refuse_decoder
from selfscope.subjects.adapter_files import (
    SIDECAR,
    WRITTEN,
    Sidecar,
    kept_adapter,
    made_on,
    read_sidecar,
    save_folder,
)
from selfscope.subjects.live_adapters import LoraShape
from selfscope.subjects.local_weights import LocalWeights

KEPT, MEDIANS = "injections", "medians"
"""Fields of `made`: what is written, and by layer how long a median is where something is written in medians."""
S = TypeVar("S", bound=LocalWeights)
_INJECTIONS = TypeAdapter(tuple[Injection, ...])


def save_written(
    folder: Path, subject: LocalWeights, injections: Sequence[Injection], kind: str, made: Mapping[str, Any]
) -> Sidecar:
    """Writes what stands in every row of a subject; arguments as in `save_adapter`.

    Parameters
    ----------
    folder : Path
    subject : LocalWeights
        Without them.
    injections : sequence of Injection
        For `subject.intervened`.
    kind : str
    made : mapping

    Returns
    -------
    Sidecar
        As it was written.
    """
    layers = sorted({i.layer for i in injections if i.unit == "median"})
    medians = {str(layer): float(subject.median_norm(layer)) for layer in layers}
    kept = {**made, KEPT: to_jsonable(tuple(injections)), **({MEDIANS: medians} if medians else {})}
    identity = content_hash(tuple(injections), size=32)
    side = Sidecar(kind, subject.identity, subject.name, subject.vocabulary_hash, WRITTEN, identity, LoraShape(), kept)
    save_folder(folder, side)
    return side


def put_on(subject: S, folder: Path | str, *, base: LocalWeights | None = None) -> S:
    """The subject with what a folder holds: an adapter that acts, or vectors that stand in every row.

    Parameters
    ----------
    subject : LocalWeights
        Loaded as the one that it was made on.
    folder : Path or str
    base : LocalWeights, optional
        What it was made on, where the subject is that with something else on.

    Returns
    -------
    S
        Another subject, with an identity of its own.

    Raises
    ------
    BadInput
        It was made on another subject, or is a decoder's, which reads states and is no taught model.
    BadModel
        A damaged folder, or one whose sidecar tells of other weights or vectors.
    """
    refuse_decoder(folder)
    return stacked(subject, folder, base=base)


def stacked(subject: S, folder: Path | str, *, base: LocalWeights | None = None) -> S:
    """As `put_on`, and of a decoder its adapter, which its reader puts on."""
    side = read_sidecar(folder)
    own = subject if base is None else base
    if side.carry != WRITTEN:
        changed = subject.adapted(kept_adapter(own, folder))
    else:
        made_on(side, own, folder)
        changed = subject.intervened(_written(side, folder))
    return replace(changed, worn={**subject.worn, str(folder): side})


def layer_vectors(side: Sidecar, folder: Path | str) -> dict[int, Any]:
    """What is added to every token, by layer, where that is all that is written.

    Parameters
    ----------
    side : Sidecar
        Of a folder of vectors.
    folder : Path or str
        For what is said of it.

    Returns
    -------
    dict of int to array of shape (D,)
        In raw units; what is written in medians, by the medians that were measured when it was made.

    Raises
    ------
    BadInput
        Something is written in another way, or in medians of which the sidecar does not tell how long they are.
    BadModel
        A sidecar that holds no vectors, or others than it tells of.
    """
    out: dict[int, Any] = {}
    for own in _written(side, folder):
        if (own.operator, own.schedule) != ("add", "every"):
            raise BadInput(
                f"{folder} writes by {own.operator}, {own.schedule}: a control vector is added to every token"
            )
        out[own.layer] = out.get(own.layer, 0.0) + _strength(own, side, folder) * own.vector.array
    return out


def _strength(own: Injection, side: Sidecar, folder: Path | str) -> float:
    """What a vector is multiplied by, in raw units."""
    if own.unit == "raw":
        return own.strength
    known = side.made.get(MEDIANS)
    median = known.get(str(own.layer)) if isinstance(known, Mapping) else None
    if not isinstance(median, float):
        raise BadInput(
            f"{folder} writes in medians of the norms of ordinary tokens, and its sidecar is older than what tells how "
            "long those are: make it again"
        )
    length = float(np.linalg.norm(own.vector.array))
    return own.strength * median / length if length else 0.0


def _written(side: Sidecar, folder: Path | str) -> tuple[Injection, ...]:
    try:
        injections = _INJECTIONS.validate_python(side.made.get(KEPT))
    except ValidationError as error:
        raise BadModel(f"the adapter {folder}: {SIDECAR} holds no vectors ({error.error_count()} faults)") from error
    if content_hash(injections, size=32) != side.identity:
        raise BadModel(f"the adapter {folder}: its vectors are not those that {SIDECAR} tells of: restore them")
    return injections
