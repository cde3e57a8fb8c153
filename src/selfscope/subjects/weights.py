"""The weights of a model: where they come from, and what is refused. No pickle, no remote code, no invented numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfscope.errors import BadModel, UnknownName, refuse_unused
from selfscope.records import content_hash
from selfscope.subjects import bundled_models, gguf_files, model_files
from selfscope.subjects.damage import quoted, read_json, reading
from selfscope.subjects.fit import FP32_UP_TO, Sizes, check_fit
from selfscope.subjects.model_files import ModelFiles

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Source:
    """Where a model is: a folder, a GGUF file or a hub name, with a revision."""

    place: str
    kind: str
    revision: str | None


def source_of(name: str, revision: str | None) -> Source:
    """What a name stands for, without reading it. Raises UnknownName, or BadModel for a file of another kind."""
    path = os.path.expanduser(name)
    if os.path.isfile(path):  # of these, Path's own raise for a name that is too long
        if not path.endswith(".gguf"):
            raise BadModel(f"{name} is a file that is not .gguf. Give a model folder or a GGUF file.")
        return Source(path, "gguf", None)
    if os.path.isdir(path):
        return Source(path, "folder", None)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        hint = "A model is a short name, a folder, a .gguf file, or a hub name like owner/model."
        raise UnknownName("model", name, bundled_models.PACKAGES, hint)
    return Source(name, "hub", revision)


def files_of(name: str, revision: str | None, say: bundled_models.Say) -> ModelFiles:
    """The files of a model, fetched or converted where they are not here yet. Raises UnknownName, BadModel."""
    bundled = name in bundled_models.PACKAGES
    source = Source(name, "bundled", None) if bundled else source_of(name, revision)
    if revision is not None and source.revision is None:
        refuse_unused(["revision"], f"{name} is no hub model, and has one state only")
    if bundled:
        return model_files.of_folder(name, bundled_models.get(name, say))
    if source.kind == "hub":
        return model_files.of_hub(name, revision)
    if source.kind == "gguf":
        return gguf_files.converted(Path(source.place), say)
    return model_files.of_folder(name, Path(source.place))


def read_tokenizer(name: str, files: ModelFiles) -> Any:
    """The tokenizer. Raises BadModel."""
    from transformers import AutoTokenizer

    with files.view() as place, reading(f"the tokenizer of {name} cannot be read", {place: name}):
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False, local_files_only=True)
        tokenizer.name_or_path = name
        tokenizer("x")
        return tokenizer


def measure(name: str, files: ModelFiles) -> Sizes:
    """What the weights hold. Raises BadModel for a configuration that asks for more layers, or for a program; before
    anything else reads it."""
    config = read_json(files.folder / "config.json", name)
    _no_code(name, config)
    what = f"the model {name} cannot be loaded"
    with files.view() as place, reading(what, {place: name}):
        tensors, values = _counts(place, files)
        sizes = Sizes(what, tensors, values, packed=config.get("quantization_config") is not None)
        for layers in _layers(config):
            sizes.check_layers(layers)
        return sizes


def read_model(name: str, files: ModelFiles, sizes: Sizes, dtype: str | None) -> Any:
    """The model on the CPU, in evaluation mode. Raises BadModel where its weights and its configuration do not fit each
    other tensor by tensor."""
    import torch
    from transformers import AutoModelForCausalLM

    if dtype is not None and dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    wanted = getattr(torch, dtype) if dtype else "auto"
    what = f"the model {name} cannot be loaded"
    with files.view() as place, reading(what, {place: name}):
        with sizes.kept(), _converted(what):
            model, info = AutoModelForCausalLM.from_pretrained(
                place,
                dtype=wanted,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that they are named below
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )
        model.config._name_or_path = name
    check_fit(name, info)
    if dtype is None and sum(p.numel() for p in model.parameters()) <= FP32_UP_TO:
        model = model.float()
    return model.eval()


@contextmanager
def _converted(what: str) -> Iterator[None]:
    """Names the tensor where weights are joined or split for a model and do not fit: transformers writes it into a log,
    and says only that it did."""
    try:
        yield
    except RuntimeError as error:
        trace = error.__traceback__
        while trace is not None:
            failed = getattr(trace.tb_frame.f_locals.get("loading_info"), "conversion_errors", None)
            if failed:
                tensor, why = min(failed.items())
                last = (str(why).strip().splitlines() or [""])[-1]
                raise BadModel(f"{what}: {tensor} cannot be made of its weights: {last[:300]}") from error
            trace = trace.tb_next
        raise


def _no_code(name: str, config: dict[str, Any]) -> None:
    """Attention by the name of a repository is a program that is fetched and run."""
    for key in ("_attn_implementation", "attn_implementation"):
        chosen = config.get(key)
        if "/" in str(chosen):
            raise BadModel(f"{name}: config.json asks for code from elsewhere ({key}: {str(chosen)[:80]}): not loaded")


def _layers(config: dict[str, Any]) -> list[Any]:
    """How many layers a configuration asks for, by the name that its class has for them."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    kinds = [part.get("model_type") for part in parts]
    known = [CONFIG_MAPPING[kind] if isinstance(kind, str) and kind in CONFIG_MAPPING else None for kind in kinds]
    plain = "num_hidden_layers"
    return [p.get(plain, p.get(getattr(c, "attribute_map", {}).get(plain))) for p, c in zip(parts, known)]


def _counts(place: str, files: ModelFiles) -> tuple[int, int]:
    """How many tensors the weights have, and how many numbers."""
    from safetensors import safe_open

    tensors, values = 0, 0
    for name in files.weights:
        with safe_open(Path(place) / name, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118
                size = 1
                for length in file.get_slice(key).get_shape():
                    size *= length
                tensors, values = tensors + 1, values + size
    return tensors, values


def on_device(model: Any, device: str | None) -> Any:
    """The model where it is to run (None: the first CUDA device, else the CPU). Raises BadModel."""
    import torch

    wanted = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return model.to(wanted)
    except (RuntimeError, AssertionError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise BadModel(f"the model does not fit into the memory of {wanted}. Try --dtype bfloat16.") from error
        raise BadModel(
            f"the device {wanted!r} cannot be used ({quoted(error)}). Try cpu, cuda, cuda:1 or mps."
        ) from error


def check_numbers(name: str, model: Any) -> None:
    """Raises BadModel for a weight that is no finite number, and for a model that computes none."""
    import torch

    from selfscope.subjects.no_gradients import no_gradients

    kind = str(model.dtype).removeprefix("torch.")
    advice = "" if kind == "float32" else " Try --dtype float32: they may come from the cast."
    with no_gradients(model.device):
        for tensor, value in model.state_dict().items():
            if not value.is_floating_point() or not value.numel() or value.element_size() == 1:
                continue  # numbers of eight bits have no infinity, or are packed
            if not all(map(torch.isfinite, torch.aminmax(value))):
                wrong = value.numel() - int(torch.isfinite(value).sum())
                raise BadModel(
                    f"the weights of {name} hold values that are no finite numbers: {wrong} of {value.numel()} in "
                    f"{tensor}, as {kind}: not loaded.{advice}"
                )
    with reading(f"the model {name} cannot compute"), no_gradients(model.device):
        ids = torch.arange(4, device=model.device)[None] % model.get_input_embeddings().weight.shape[0]
        logits_BTV = model(input_ids=ids, use_cache=False).logits
        sound = not logits_BTV.isnan().any() and bool(logits_BTV.float().logsumexp(-1).isfinite().all())
    if not sound:
        raise BadModel(f"the model {name} computes log-probabilities that are no numbers, as {kind}.{advice}")


def context_of(name: str, config: Any) -> int:
    """Tokens that fit. Raises BadModel for a configuration that says no such number."""
    own = config.get_text_config()
    found = getattr(own, "max_position_embeddings", getattr(own, "max_seq_len", None))  # MPT says the latter
    if found is None or found == -1:  # XLNet says -1: no bound
        return 1 << 20
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise BadModel(f"{name}: max_position_embeddings is {str(found)[:40]!r}, where a number of tokens should be")
    return found


def check_ends(name: str, model: Any) -> None:
    """Raises BadModel for an end of a turn that is no token."""
    found = model.generation_config.eos_token_id
    for token in found if isinstance(found, list | tuple) else [] if found is None else [found]:
        if isinstance(token, bool) or not isinstance(token, int) or not 0 <= token < 1 << 31:
            raise BadModel(f"{name}: its eos_token_id is {str(found)[:40]!r}, where the number of a token should be")


def identity_of(files: ModelFiles, adapter: ModelFiles | None, template: str, dtype: str) -> str:
    """Content hash of all that can change a number: weights, configuration, tokenizer, template, adapter and dtype."""
    parts: list[Any] = [template, dtype, *files.fingerprint()]
    if adapter is not None:
        parts += [["adapter", *part] for part in adapter.fingerprint()]
    return content_hash(*parts)
