"""Published activation oracles as decoders of our own: a peft folder with `ao_config.json` (Karvonen et al. 2025)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfscope.errors import BadInput, BadModel
from selfscope.records.contracts import DecoderContract, DecoderWords
from selfscope.subjects.damage import read_json, reading
from selfscope.subjects.live_adapters import PREFIX, Adapter, LoraShape
from selfscope.subjects.local_weights import LocalWeights
from selfscope.subjects.model_files import ADAPTER
from selfscope.training.decoder_files import write_decoder
from selfscope.wording.decoder_prompts import decoder_prompt, example_ids

CONFIG = "ao_config.json"
TIMES = re.compile(r"\{special_token\}\s*\*\s*\{num_positions\}")
"""How their templates write a run of placeholders."""


def import_oracle(subject: LocalWeights, source: Path | str, folder: Path | str) -> DecoderContract:
    """A published oracle as a decoder's folder.

    Parameters
    ----------
    subject : LocalWeights
        The base that it was trained on, loaded here.
    source : Path or str
        A folder with `ao_config.json`, `adapter_config.json` and `adapter_model.safetensors`.
    folder : Path or str
        Where the decoder goes.

    Returns
    -------
    DecoderContract
        Of the form oracle: it reads directions as they are, each of its layer combinations, and asks in the chat
        template. `published` holds the whole of `ao_config.json`, keys that are not known here included.

    Raises
    ------
    BadModel
        A damaged folder, an adapter of another kind than plain LoRA, or one for another architecture.
    BadInput
        A placeholder that is not one token of the base.
    """
    place = Path(os.path.expanduser(source))
    what = f"the oracle {source}"
    config = read_json(place / CONFIG, what)
    words = _words(config, what)
    combinations = _combinations(config, subject, what)
    decoder_prompt(subject, words, "Which?", (), [(layer, 2) for layer in combinations[0]])
    adapter = import_adapter(subject, place)
    contract = DecoderContract(
        "oracle", subject.identity, subject.name, subject.vocabulary_hash, combinations, (-1,), "unit",
        _number(config, "hook_onto_layer", 1, what), "norm_add", float(config.get("steering_coefficient", 1.0)), words,
        example=example_ids(subject, words, combinations[0]),
        made={"imported": str(source), "base": str(config.get("model_name", ""))}, published=config,
    )  # fmt: skip
    return write_decoder(Path(folder), subject, contract, {}, adapter)


def import_adapter(subject: LocalWeights, folder: Path) -> Adapter:
    """A LoRA adapter that peft wrote, beside the weights of a subject. Raises BadModel."""
    from safetensors.torch import load_file

    what = f"the adapter {folder}"
    config = read_json(folder / ADAPTER[0], what)
    if config.get("peft_type") != "LORA" or config.get("use_dora") or config.get("modules_to_save"):
        raise BadModel(f"{what} is no plain LoRA: decoders take that kind alone")
    with reading(f"{what} cannot be read", {str(folder): str(folder)}):
        held = load_file(folder / ADAPTER[1])
    places = sorted({name.removeprefix(PREFIX).rpartition(".lora_")[0] for name in held})
    rank, alpha = _number(config, "r", 0, what), float(config.get("lora_alpha", 0))
    if config.get("use_rslora"):
        alpha *= rank**0.5  # peft divides by the root of the rank there
    layers, modules = _where(places, subject, what)
    try:
        adapter = subject.new_adapter(LoraShape(rank, alpha, layers, modules))
        adapter.set_state({name: tensor.float() for name, tensor in held.items()})
    except BadInput as error:
        raise BadModel(f"{what} is none of {subject.name}'s: {error}") from error
    return adapter


def _where(places: list[str], subject: LocalWeights, what: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Blocks and last names of the linear layers that have tensors."""
    path = subject.engine.blocks.path if subject.engine.blocks is not None else ""
    layers, modules = set(), set()
    for place in places:
        found = re.fullmatch(re.escape(path) + r"\.(\d+)\.(.+)", place)
        if found is None:
            raise BadModel(f"{what} is none of {subject.name}'s: {place} is no linear layer of its blocks")
        layers.add(int(found.group(1)))
        modules.add(found.group(2).rpartition(".")[2])
    return tuple(sorted(layers)), tuple(sorted(modules))


def _words(config: Mapping[str, Any], what: str) -> DecoderWords:
    """The words of a prefix template: it writes line ends as backslash and n, and a run as a product."""
    template = str(config.get("prefix_template", "Layer: {layer}\\n{special_token} * {num_positions} \\n"))
    run = TIMES.sub("{slot}", template.replace("\\n", "\n")).replace("{special_token}", "{slot}")
    if run.count("{slot}") != 1 or "{" in run.replace("{slot}", "").replace("{layer}", ""):
        raise BadModel(f"{what}: the prefix template {template!r} is none that is known here")
    placeholder = str(config.get("special_token", " ?"))
    return DecoderWords(run=run, choice=" One of {options}.", chat=True, placeholder=placeholder)


def _combinations(config: Mapping[str, Any], subject: LocalWeights, what: str) -> tuple[tuple[int, ...], ...]:
    count = len(subject.layers)
    listed = config.get("act_layer_combinations")
    if not listed:  # only their depths in per cent are given
        listed = [[count * int(depth) // 100 for depth in own] for own in config.get("layer_combinations") or ()]
    try:
        combinations = tuple(tuple(int(layer) for layer in own) for own in listed)
    except (TypeError, ValueError) as error:
        raise BadModel(f"{what}: its layer combinations are none ({error})") from error
    if not combinations or not all(combinations) or any(not 0 <= k < count for own in combinations for k in own):
        raise BadModel(f"{what} reads the layers {listed}, and {subject.name} has 0 to {count - 1}")
    middle = len(combinations) // 2
    return (combinations[middle], *combinations[:middle], *combinations[middle + 1 :])


def _number(config: Mapping[str, Any], name: str, usual: int, what: str) -> int:
    value = config.get(name, usual)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadModel(f"{what}: {name} is a whole number, not {value!r}")
    return value
