"""Whether a decoder is a handle by which a model can be moved towards a wish, and another one is its twin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from selfscope.api.decoders import NAME, lesson_of
from selfscope.errors import BadInput

if TYPE_CHECKING:
    from selfscope.records.contracts import DecoderContract
    from selfscope.training.decoder_lesson import DecoderLesson
    from selfscope.training.wishes import Wish


def able(contract: DecoderContract, wish: Wish, folder: Path | str) -> None:
    """Raises BadInput for a decoder through which nothing can be moved towards the wish."""
    from selfscope.training.decoder_lesson import EMBEDDED

    taught = _taught(contract)
    if contract.form == "bias":
        why = "reads no state: nothing that a model does reaches it"
    elif EMBEDDED in contract.combinations[0]:
        why = "reads the embeddings of tokens, which nothing moves"
    elif taught is not None and taught.hears_tokens:
        why = f"was taught about {', '.join(taught.about)}, and a wish is about a context"
    elif taught is not None and taught.reads != "states":
        why = f"learnt from {taught.reads} in the place of an item's states: it is a twin (--twin)"
    elif taught is not None and taught.families and wish.family not in taught.families:
        why = f"was taught about {', '.join(taught.families)}, and not about {wish.family}"
    else:
        return
    raise BadInput(f"the decoder {folder} {why}: give one that was taught to read {wish.family} in states")


def apart(own: DecoderContract, twin: DecoderContract, folder: Path | str | None) -> None:
    """Raises BadInput for a twin that is the decoder itself, or learnt from an item's own states as it did."""
    taught = _taught(twin)
    if twin.content == own.content:
        raise BadInput(f"the twin {folder} is the decoder itself: fit one with reads=others, or leave out --twin")
    if taught is not None and taught.reads != "others":
        raise BadInput(
            f"the twin {folder} is no twin ({twin.made['lesson']}): fit one with reads=others, so that it learns from "
            "states of other items"
        )


def _taught(contract: DecoderContract) -> DecoderLesson | None:
    """The lesson of a decoder that was fitted by name; None of others, of which nothing is known."""
    name = str(contract.made.get("lesson", ""))
    return cast("DecoderLesson", lesson_of(name)) if name.partition("[")[0] == NAME else None
