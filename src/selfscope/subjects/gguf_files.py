"""GGUF files: converted to safetensors once, and kept by what they hold.

Reading one takes 10-30 s; the safetensors copy that is kept in the cache takes one.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from selfscope.errors import BadModel
from selfscope.subjects.cache import cache_dir, file_hash, lock, make_folder
from selfscope.subjects.damage import quoted, reading
from selfscope.subjects.model_files import WEIGHTS, ModelFiles, of_folder
from selfscope.subjects.sizes import Sizes

LIBRARIES = ("transformers", "gguf")
"""Whose versions decide what a file is converted to."""


def converted(file: Path, say: Callable[[str], None]) -> ModelFiles:
    """The files that a GGUF file was converted to; made first where its content was not met before.

    They are told apart by the GGUF file's content, wherever it lies. Raises BadModel for a damaged file, and for an
    architecture that transformers cannot read.
    """
    try:
        digest = file_hash(file)
    except OSError as error:
        raise BadModel(f"{file} cannot be read: {quoted(error)}") from error
    by = "-".join(f"{name}-{version(name)}" for name in LIBRARIES)
    target = cache_dir() / "gguf" / f"{digest[:32]}-{by}"
    with lock(target.parent / f"{digest[:32]}.lock"):
        if not (target / WEIGHTS).exists():
            say(f"{file.name}: {file.stat().st_size / 1e6:.0f} MB, converted to safetensors once, then kept")
            make_folder(target, lambda folder: convert(file, folder, say))
    return of_folder(str(file), target, (("gguf", digest),))


def convert(file: Path, folder: Path, say: Callable[[str], None] = lambda line: None) -> None:
    """GGUF to safetensors in fp32, tokenizer beside it. Raises BadModel."""
    import tempfile

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    what = f"the GGUF file {file} cannot be read"
    # transformers reads what lies beside a file, too: it is shown the file alone.
    with tempfile.TemporaryDirectory(prefix="selfscope-") as place, reading(what, {place: str(file.parent)}):
        (Path(place) / "model.gguf").symlink_to(file.resolve())
        tensors, values = _counts(Path(place) / "model.gguf")
        say(f"{file.name}: reading the tokenizer")
        tokenizer = AutoTokenizer.from_pretrained(place, gguf_file="model.gguf", local_files_only=True)
        say(f"{file.name}: reading {tensors} tensors")
        with Sizes(what, tensors, values, packed=False).kept():
            model = AutoModelForCausalLM.from_pretrained(
                place, gguf_file="model.gguf", dtype=torch.float32, local_files_only=True
            )
        # The weights are plain fp32 by now; these two marks alone make save_pretrained refuse them.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        say(f"{file.name}: writing {values * 4 / 1e6:.0f} MB of safetensors")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _counts(file: Path) -> tuple[int, int]:
    """How many tensors the file has, and how many numbers."""
    from gguf import GGUFReader

    tensors = GGUFReader(file).tensors
    return len(tensors), sum(int(t.n_elements) for t in tensors)
