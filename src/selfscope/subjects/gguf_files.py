"""GGUF files: converted to safetensors once, and kept by what they hold.

Reading one takes 10-30 s; the safetensors copy that is kept in the cache takes one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from selfscope.errors import BadModel
from selfscope.subjects.cache import cache_dir, file_hash, lock, make_folder
from selfscope.subjects.damage import quoted, reading
from selfscope.subjects.fit import FP32_UP_TO, Sizes, check_fit
from selfscope.subjects.model_files import WEIGHTS, ModelFiles, of_folder

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
    """GGUF to safetensors, tokenizer beside it: in fp32 up to 2B parameters, above that as the file asks for.

    Raises BadModel.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    what = f"the GGUF file {file} cannot be read"
    # transformers reads what lies beside a file, too: it is shown the file alone.
    with tempfile.TemporaryDirectory(prefix="selfscope-") as place, reading(what, {place: str(file.parent)}):
        (Path(place) / "model.gguf").symlink_to(file.resolve())
        tensors, values, layers, blocks = _counts(Path(place) / "model.gguf")
        sizes = Sizes(what, tensors, values, packed=False)
        sizes.check_layers(layers)
        if layers < blocks:  # transformers leaves out what has no place, without a word
            raise BadModel(f"{what}: it holds tensors of blk.{blocks - 1}, and says to have {layers} layers")
        say(f"{file.name}: reading the tokenizer")
        tokenizer = AutoTokenizer.from_pretrained(place, gguf_file="model.gguf", local_files_only=True)
        say(f"{file.name}: reading {tensors} tensors")
        dtype = torch.float32 if values <= FP32_UP_TO else "auto"
        with sizes.kept(), _told(file.name, say):
            model, info = AutoModelForCausalLM.from_pretrained(
                place,
                gguf_file="model.gguf",
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                local_files_only=True,
            )
        check_fit(f"the GGUF file {file}", info)
        # The weights are plain numbers by now; these two marks alone make save_pretrained refuse them.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        say(f"{file.name}: writing {sum(p.nbytes for p in model.parameters()) / 1e6:.0f} MB of safetensors")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _counts(file: Path) -> tuple[int, int, int, int]:
    """How many tensors the file has, how many numbers, how many layers it says to have, and of how many it has some."""
    from gguf import GGUFReader

    reader = GGUFReader(file)
    said = [field.contents() for name, field in reader.fields.items() if name.endswith(".block_count")]
    numbers = [int(t.name.split(".")[1]) for t in reader.tensors if t.name.startswith("blk.")]
    values = sum(int(t.n_elements) for t in reader.tensors)
    return len(reader.tensors), values, max(map(int, said), default=0), max(numbers, default=-1) + 1


@contextmanager
def _told(name: str, say: Callable[[str], None]) -> Iterator[None]:
    """transformers draws a bar for the tensors, whatever it was told: say gets its quarters instead."""
    from transformers import modeling_gguf_pytorch_utils as library

    def quarters(items: Sequence[Any], **_: Any) -> Iterator[Any]:
        told = 0
        for k, item in enumerate(items):
            if 4 * k // len(items) > told:
                told = 4 * k // len(items)
                say(f"{name}: {k} of {len(items)} tensors")
            yield item

    bar = getattr(library, "tqdm", None)
    if bar is None:
        yield
        return
    library.tqdm = quarters
    try:
        yield
    finally:
        library.tqdm = bar
