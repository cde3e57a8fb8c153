"""What something was trained on, loaded as it was then: of another dtype or revision it would be another subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selfscope.api.loading import load, options_of

if TYPE_CHECKING:
    from selfscope.records.contracts import DecoderContract
    from selfscope.subjects.adapter_files import Sidecar
    from selfscope.subjects.base import Subject

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
