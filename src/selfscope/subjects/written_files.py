"""A standing intervention on disk: a sidecar alone, as an adapter has one, whose vectors are written into every row.

It is put on where an adapter is: `load(model, adapter=folder)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

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

KEPT = "injections"
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
    kept = {**made, KEPT: to_jsonable(tuple(injections))}
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
        In raw units.

    Raises
    ------
    BadInput
        Something is written in another way.
    BadModel
        A sidecar that holds no vectors, or others than it tells of.
    """
    out: dict[int, Any] = {}
    for own in _written(side, folder):
        if (own.operator, own.schedule, own.unit) != ("add", "every", "raw"):
            raise BadInput(
                f"{folder} writes by {own.operator} in {own.unit} units, {own.schedule}: a control vector is added to "
                "every token, in raw units"
            )
        out[own.layer] = out.get(own.layer, 0.0) + own.strength * own.vector.array
    return out


def _written(side: Sidecar, folder: Path | str) -> tuple[Injection, ...]:
    try:
        injections = _INJECTIONS.validate_python(side.made.get(KEPT))
    except ValidationError as error:
        raise BadModel(f"the adapter {folder}: {SIDECAR} holds no vectors ({error.error_count()} faults)") from error
    if content_hash(injections, size=32) != side.identity:
        raise BadModel(f"the adapter {folder}: its vectors are not those that {SIDECAR} tells of: restore them")
    return injections
