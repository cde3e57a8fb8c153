"""A PEFT adapter, merged into its base: every tensor of it has a place there, and moves that place alone."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

from selfscope.errors import BadModel
from selfscope.subjects import model_files
from selfscope.subjects.damage import read_json, reading
from selfscope.subjects.model_files import ADAPTER, ModelFiles

PREFIX = "base_model.model."
"""What peft puts before the names of the base's modules."""


def files_of(adapter: str) -> ModelFiles:
    """The files of an adapter: a folder, or a hub name. Raises BadModel."""
    folder = Path(os.path.expanduser(adapter))
    if os.path.exists(folder) or adapter.startswith((".", "/", "~")) or adapter.count("/") != 1:
        return model_files.of_adapter(adapter, folder)
    return model_files.hub_adapter(adapter)


def base_of(adapter: str, files: ModelFiles) -> str:
    """The name of the model that an adapter says it was made on; empty where it says none."""
    config = read_json(files.folder / ADAPTER[0], f"the adapter {adapter}")
    return str(config.get("base_model_name_or_path") or "")


def merged(name: str, model: Any, adapter: str, files: ModelFiles) -> Any:
    """The model with the adapter in its weights.

    Raises BadModel, with the tensor's name, for an adapter that has tensors without a place or places without a tensor,
    tensors of another shape, values that are no numbers, or tensors for weights that two modules of the base share:
    merging would move both.
    """
    from peft import PeftModel
    from safetensors.torch import load_file

    made_on = base_of(adapter, files)
    told = f" (it says that it was made on {made_on})" if made_on not in ("", name) else ""
    what = f"the adapter {adapter} does not load onto {name}{told}"
    config = read_json(files.folder / ADAPTER[0], what)
    if config.get("megatron_config"):  # peft imports the module that stands beside it
        raise BadModel(f"{what}: it asks for code from elsewhere (megatron_core: {config.get('megatron_core')})")
    with files.view() as place, reading(what, {place: adapter}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what peft warns of is refused below
        held = load_file(Path(place) / ADAPTER[1])
        _numbers(what, held)
        _untied(what, model, held)
        changed = PeftModel.from_pretrained(model, place, local_files_only=True)
        found = changed.load_adapter(place, "default", local_files_only=True)
        if found.unexpected_keys:
            raise BadModel(f"{what}: {_first(found.unexpected_keys)} of its tensors match nothing of the model")
        if found.missing_keys:
            raise BadModel(f"{what}: it lacks {_first(found.missing_keys)}, which its configuration asks for")
        return changed.merge_and_unload()


def _first(names: list[str]) -> str:
    return f"{min(names)}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"


def _numbers(what: str, held: dict[str, Any]) -> None:
    for tensor, value in sorted(held.items()):
        if value.is_floating_point() and not value.isfinite().all():
            raise BadModel(f"{what}: {tensor} holds values that are no finite numbers")


def _untied(what: str, model: Any, held: dict[str, Any]) -> None:
    """Raises BadModel for a tensor of the adapter on a module whose weight another module has too."""
    owners = defaultdict(list)
    for path, parameter in model.named_parameters(remove_duplicate=False):
        owners[id(parameter)].append(path)
    tied = {path: paths for paths in owners.values() if len(paths) > 1 for path in paths}
    modules = dict(model.named_modules())
    for tensor in sorted(held):
        module = _place(tensor.removeprefix(PREFIX), modules)
        for path in (p for p in tied if module and p.rpartition(".")[0] == module):
            other = next(p for p in tied[path] if p != path)
            raise BadModel(
                f"{what}: {tensor} changes {path}, which is tied to {other} in the base, so that merging would change "
                "both. Untie them and save the base anew"
            )


def _place(tensor: str, modules: dict[str, Any]) -> str:
    """The deepest module of the base that a tensor's name begins with."""
    parts = tensor.split(".")
    return next((p for k in range(len(parts), 0, -1) if (p := ".".join(parts[:k])) in modules), "")
