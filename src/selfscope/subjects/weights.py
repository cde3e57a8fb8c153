"""The files of a model: where they lie, what is refused, what they hash to. No pickle, no remote code."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfscope.errors import BadModel, UnknownName
from selfscope.records import content_hash
from selfscope.subjects import bundled_models

FP32_UP_TO = 2_000_000_000
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Source:
    """What from_pretrained is given: a folder or hub name, a GGUF file in it, a revision."""

    name_or_path: str
    gguf: str | None
    revision: str | None

    @property
    def arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"trust_remote_code": False}
        if self.gguf:
            arguments["gguf_file"] = self.gguf
        if self.revision:
            arguments["revision"] = self.revision
        return arguments


def source_of(name: str, revision: str | None) -> Source:
    path = Path(name).expanduser()
    if path.is_file():
        if path.suffix != ".gguf":
            raise BadModel(f"{name} is a file that is not .gguf. Give a model folder or a GGUF file.")
        return Source(str(path.parent), path.name, None)
    if path.is_dir():
        return Source(str(path), None, None)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        hint = "A model is a short name, a folder, a .gguf file, or a hub name like owner/model."
        raise UnknownName("model", name, bundled_models.PACKAGES, hint)
    return Source(name, None, revision)


def read_tokenizer(name: str, source: Source) -> Any:
    from transformers import AutoTokenizer

    files = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json", "spiece.model")
    path = Path(source.name_or_path)
    if path.is_dir() and not source.gguf and not any((path / f).exists() for f in files):
        raise BadModel(f"{name} has no tokenizer (none of {', '.join(files)}). Save the model's tokenizer there.")
    try:
        return AutoTokenizer.from_pretrained(source.name_or_path, **source.arguments)
    except (OSError, ValueError, KeyError) as error:
        raise BadModel(f"the tokenizer of {name} cannot be read: {first_line(error)}") from error


def read_model(name: str, source: Source, dtype: str | None, adapter: str | None) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    if dtype is not None and dtype not in DTYPES:
        raise UnknownName("dtype", dtype, DTYPES)
    path = Path(source.name_or_path)
    if path.is_dir() and not source.gguf and not list(path.glob("*.safetensors")):
        names = ", ".join(sorted(f.name for f in path.iterdir())[:8]) or "nothing"
        raise BadModel(
            f"{name} holds no safetensors weights (it holds {names}). Pickled weights are never loaded: "
            "convert them with save_pretrained(..., safe_serialization=True)."
        )
    arguments = dict(source.arguments)
    if not source.gguf:
        arguments["use_safetensors"] = True
    wanted = getattr(torch, dtype) if dtype else "auto"
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            source.name_or_path, dtype=wanted, output_loading_info=True, **arguments
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BadModel(f"the model {name} cannot be loaded: {first_line(error)}") from error
    missing = sorted(info["missing_keys"])
    if missing:  # transformers fills them with random numbers
        lost = ", ".join(missing[:3])
        raise BadModel(f"the weights of {name} lack {len(missing)} of the model's tensors ({lost} ...): not loaded")
    if dtype is None and sum(p.numel() for p in model.parameters()) <= FP32_UP_TO:
        # transformers forbids this for what it calls quantized; the tensors of a GGUF file have been made whole by now.
        model = torch.nn.Module.float(model) if source.gguf else model.float()
    if adapter is not None:
        from peft import PeftModel

        try:
            with warnings.catch_warnings():  # peft asks transformers for names that it is about to drop
                warnings.simplefilter("ignore", FutureWarning)
                model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        except (OSError, ValueError, KeyError) as error:
            raise BadModel(f"the adapter {adapter} does not load onto {name}: {first_line(error)}") from error
    return model


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
            f"the device {wanted!r} cannot be used ({first_line(error)}). Try cpu, cuda, cuda:1 or mps."
        ) from error


def first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def identity_of(source: Source, adapter: str | None, template: str, dtype: str, config: Any) -> str:
    """Content hash of weights, adapter, tokenizer, template and dtype; of a hub model, of the commit it came from."""
    parts: list[Any] = [template, dtype]
    for name in filter(None, (source.name_or_path, adapter)):
        folder = Path(name)
        if not folder.is_dir():  # a hub name: the commit names its files
            parts.append([name, getattr(config, "_commit_hash", None) or source.revision])
            continue
        names = [source.gguf] if source.gguf and name == source.name_or_path else None
        files = [folder / n for n in names] if names else sorted(f for f in folder.iterdir() if _counts(f))
        parts += [[f.name, file_hash(f)] for f in files]
    return content_hash(*parts)


def _counts(file: Path) -> bool:
    if file.suffix == ".safetensors":
        return True
    return file.name in {"config.json", "adapter_config.json", "tokenizer.json", "tokenizer.model", "vocab.json"}


def file_hash(file: Path) -> str:
    """SHA-256 of a file, remembered by path, size and time of change."""
    stat = file.stat()
    key = f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
    memory = bundled_models.cache_dir() / "hashes.json"
    known: dict[str, str] = {}
    try:
        known = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    if key not in known:
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
        known[key] = digest.hexdigest()
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft = memory.with_name(f"hashes.{os.getpid()}.tmp")
        draft.write_text(json.dumps(known))
        draft.replace(memory)
    return known[key]
