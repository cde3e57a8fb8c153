"""The boundary around libraries that read files which strangers made: whatever is raised there is one line of ours.

transformers, tokenizers, peft, safetensors and gguf document no errors for damaged files, and raise what happens to
arise: from KeyError to a panic of Rust, which is not even an Exception.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfscope.errors import BadModel, SelfscopeError

LONGEST = 300
"""Characters of a foreign message that are quoted."""
_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def reading(what: str, places: Mapping[str, str] | None = None) -> Iterator[None]:
    """Whatever is raised inside becomes a BadModel that begins with `what`; no pickle is opened meanwhile.

    This is the one place that catches everything. Errors of ours pass as they are, and so do Ctrl-C and an exit.
    places: what is to stand in the message for a path that the user never saw.
    """
    import torch

    with _ONE_AT_A_TIME:
        kept = torch.load
        torch.load = _never
        try:
            yield
        except (SelfscopeError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # PanicException of pyo3 is none of Exception's
            raise BadModel(f"{what}: {quoted(error, places)}") from error
        finally:
            torch.load = kept


def _never(file: Any, *args: Any, **kwargs: Any) -> Any:
    raise BadModel(f"{Path(str(file)).name} is a pickle, and pickles are never opened: give the weights as safetensors")


def quoted(error: BaseException, places: Mapping[str, str] | None = None) -> str:
    """What an error says, on one line; a bare key or number with the name of its error."""
    text = " ".join(str(error).split())
    for path, name in (places or {}).items():
        text = text.replace(path, name)
    if len(text) > LONGEST:
        text = text[:LONGEST].rstrip() + " ..."
    if not text or " " not in text:
        text = f"{type(error).__name__}{': ' if text else ''}{text}"
    return text


def read_json(file: Path, what: str) -> dict[str, Any]:
    """A JSON file that has to hold an object. Raises BadModel."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadModel(f"{what}: {file.name} cannot be read: {quoted(error)}") from error
    if not isinstance(held, dict):
        raise BadModel(f"{what}: {file.name} holds a {type(held).__name__} where an object should be")
    return held
