"""What something is trained on. What was made on it before is put on it as it was then: of another dtype or revision it
would be another subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selfscope.api.loading import load, options_of
from selfscope.errors import BadInput

if TYPE_CHECKING:
    from selfscope.records.contracts import DecoderContract
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject
    from selfscope.subjects.local_weights import LocalWeights

KEPT = ("dtype", "revision")
"""Options of `load` that decide who is loaded, by their names in the environment that is written down."""


def base_of(
    made: Sidecar | DecoderContract,
    model: str | Subject | None = None,
    hardware: Mapping[str, str] | None = None,
) -> Subject:
    """The subject that an adapter, an organism or a decoder was made on.

    Parameters
    ----------
    made
        What its folder says.
    model
        Where it is to be found by another name than then, or the subject itself.
    hardware
        How it is loaded (see `load`), where that is not as it was then.

    Returns
    -------
    Subject
        Whether it is the very same is for whoever puts something on it to see.
    """
    if model is not None and not isinstance(model, str):
        return model
    name = model or made.base_name
    then, takes = made.made.get("environment", {}), options_of(name)
    kept = {
        option: str(then[option])
        for option in KEPT
        if option in then and option in takes and (option != "revision" or name == made.base_name)
    }
    return load(name, **{**kept, **(hardware or {})})


def subject_of(model: str | Subject, hardware: Mapping[str, str] | None = None) -> Subject:
    """The subject of a name, loaded so (see `load`), or the subject itself."""
    return load(model, **(hardware or {})) if isinstance(model, str) else model


def bare(model: str | Subject, hardware: Mapping[str, str] | None = None) -> LocalWeights:
    """The subject of a name, or the subject itself, on which something is to be trained.

    Raises Unsupported for one that cannot be trained, and BadInput for one with an adapter on: what is made on top of
    it could be put on by no command."""
    from selfscope.subjects.local_weights import trainable

    subject = trainable(subject_of(model, hardware))
    worn = ", ".join(subject.worn) or subject.environment.get("adapter")
    if worn:
        raise BadInput(
            f"{subject.name} has {worn} on, and what is trained on top of an adapter could be put on by no command: "
            "leave out --adapter, or merge the adapter and save the weights as a model of their own"
        )
    return subject
