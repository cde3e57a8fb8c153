"""A model as its files make it: fetched, read, its adapter merged, on its device, every number of it finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selfscope.subjects import adapters, bundled_models, weights


@dataclass(frozen=True)
class Checkpoint:
    """A model and its tokenizer. template: the chat template, empty where there is none. context: tokens that fit.
    commit: of a hub model, else None."""

    model: Any
    tokenizer: Any
    template: str
    context: int
    identity: str
    commit: str | None


def read_checkpoint(
    name: str,
    *,
    device: str | None,
    dtype: str | None,
    revision: str | None,
    adapter: str | None,
    say: bundled_models.Say,
) -> Checkpoint:
    """What `local.load` takes, as a model. Raises UnknownName, BadModel."""
    own = None if adapter is None else adapters.files_of(adapter)
    files = weights.files_of(name, revision, say)
    sizes = weights.measure(name, files)
    tokenizer = weights.read_tokenizer(name, files)
    model = weights.read_model(name, files, sizes, dtype)
    context = weights.context_of(name, model.config)
    if adapter is not None and own is not None:
        model = adapters.merged(name, model, adapter, own)
        made_on = adapters.base_of(adapter, own)
        if _last(made_on) not in ("", _last(name)):
            say(f"the adapter {adapter} says that it was made on {made_on}; nothing here tells whether {name} is that")
    model = weights.on_device(model, device)
    weights.check_numbers(name, model)
    weights.check_ends(name, model)
    template = str(tokenizer.chat_template or "")
    identity = weights.identity_of(files, own, template, str(model.dtype))
    return Checkpoint(model, tokenizer, template, context, identity, dict(files.marks).get(name))


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].casefold()
