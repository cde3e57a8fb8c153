"""A trained decoder as its folder holds it: checked against the subject that it is to read.

D width, N neighbours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput, BadModel, lacking_folder
from selfscope.records import from_json
from selfscope.records.contracts import CONTRACT, LABELS, SCHEMA, TENSORS, DecoderContract
from selfscope.subjects.base import OpenSubject, Subject, lacking, reaches
from selfscope.wording.decoder_prompts import example_ids

TRAIN = "train it again, or restore the folder"


@dataclass(frozen=True)
class DecoderFiles:
    """What a folder holds.

    Attributes
    ----------
    contract : DecoderContract
        What has to be as it was.
    tensors : mapping of str to array
        Units of the train split (`unit.mean.LAYER`), the form's own, and neighbours (`near`, (N, places x D)).
    labels : tuple of (str, str)
        (N,) of each neighbour the kind of its question, and what it was.
    """

    contract: DecoderContract
    tensors: Mapping[str, Any]
    labels: tuple[tuple[str, str], ...] = ()

    def units(self, layer: int) -> tuple[Any, Any]:
        """(C, D) mean and deviation of a layer; 0 and 1 where it was trained without."""
        mean, scale = (self.tensors.get(f"unit.{name}.{layer}") for name in ("mean", "scale"))
        return (0.0, 1.0) if mean is None or scale is None else (mean, scale)


def read_decoder(folder: str) -> DecoderFiles:
    """What stands in a folder. Raises BadInput where no folder is given, BadModel for one that holds no decoder."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    contract = read_contract(folder)
    place = Path(os.path.expanduser(folder))
    if given_away(folder):
        raise BadModel(f"{folder} is a decoder as it was given to others: read with the folder that was exported")
    try:
        known = json.loads((place / LABELS).read_text(encoding="utf-8"))
        labels = tuple((str(kind), str(text)) for kind, text in known)
        tensors = load_file(place / TENSORS)
    except (OSError, ValueError, TypeError, RecursionError, SafetensorError) as error:
        raise _unread(folder, error) from error
    return DecoderFiles(contract, tensors, labels)


def given_away(folder: Path | str) -> bool:
    """Whether a folder is what `artifacts export` made of a decoder: its contract, and nothing else that is ours."""
    place = Path(os.path.expanduser(folder))
    return (place / CONTRACT).is_file() and not (place / TENSORS).exists() and not (place / LABELS).exists()


def read_contract(folder: str) -> DecoderContract:
    """What a decoder's folder says of itself. Raises as `read_decoder`."""
    if not folder:
        raise BadInput("a decoder is read from its folder: write decoder[folder=PATH]")
    place = Path(os.path.expanduser(folder))
    if not (place / CONTRACT).is_file():
        raise BadModel(f"{lacking_folder(folder, CONTRACT, 'decoder')}: give one that fit wrote")
    try:
        held = json.loads((place / CONTRACT).read_text(encoding="utf-8"))
        if held.get("schema") != SCHEMA:
            raise BadModel(f"{folder}: {CONTRACT} has the schema {held.get('schema')!r}, and {SCHEMA} is known here")
        return from_json(DecoderContract, json.dumps(held["contract"]))
    except BadModel:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unread(folder, error) from error


def _unread(folder: str, error: Exception) -> BadModel:
    why = " ".join(str(error).split())[:200]
    return BadModel(f"the decoder {folder} cannot be read ({type(error).__name__}: {why}): {TRAIN}")


def check(files: DecoderFiles, folder: str, subject: Subject, *, words: bool = True) -> None:
    """Raises in one line where a decoder is not of this subject: another base, words that are other tokens by now, or
    an access that is too low. words: they are tokenised again."""
    contract = files.contract
    needed = "weights" if contract.adapter else "activations"
    if not reaches(subject, needed):
        raise lacking(subject.name, subject.tier, needed)
    if contract.base != subject.identity:
        raise BadInput(
            f"the decoder {folder} was trained on {contract.base_name} ({contract.base[:6]}), and this is "
            f"{subject.name} ({subject.identity[:6]}): weights, tokenizer, template and dtype have to be the same"
        )
    if words and isinstance(subject, OpenSubject):
        found = example_ids(subject, contract.words, contract.combinations[0])
        if found != contract.example:
            raise BadInput(
                f"the prompt of the decoder {folder} has other tokens than it was trained with: the tokenizer or its "
                "template changed since"
            )
