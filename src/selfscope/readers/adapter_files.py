"""What a reader has to know of an adapter's folder before the subject puts it on: that it holds one, and which."""

from __future__ import annotations

import json
import os
from pathlib import Path

from selfscope.errors import BadInput, BadModel, lacking_folder, reaching
from selfscope.records.contracts import refuse_decoder

SIDECAR = "selfscope.json"


def adapter_hash(folder: str) -> str:
    """The hash that the sidecar of an adapter tells of. Raises BadInput where no folder is given, BadModel for one
    that holds no adapter with a sidecar."""
    if not folder:
        raise BadInput("what was taught is read from its folder: write taught[folder=PATH]")
    refuse_decoder(folder)
    file = Path(os.path.expanduser(folder)) / SIDECAR
    with reaching(file):
        if not file.is_file():
            why = lacking_folder(folder, SIDECAR, "adapter that was trained here")
            raise BadModel(f"{why}: give one that fit wrote")
        try:
            found = json.loads(file.read_text(encoding="utf-8"))["identity"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadModel(f"{folder}: {SIDECAR} cannot be read ({type(error).__name__}): restore the file") from error
    if not isinstance(found, str) or not found:
        raise BadModel(f"{folder}: {SIDECAR} tells of no hash: train it again, or restore the file")
    return found
