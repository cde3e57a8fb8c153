"""Nothing unsafe: pickles and programs that lie on any road into a subject are not opened."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import refused_models
import tiny_llama
from refused_models import changed, refusal, sharded
from selfscope.errors import SelfscopeError
from selfscope.subjects.activations import Activations
from selfscope.subjects.local import load
from tiny_adapter import adapter_of

folder = tiny_llama.folder
place = refused_models.place
SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".npy", "", ".safetensors.bin")


class Planted:
    """An object whose pickle makes a file when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def pickled(tmp_path: Path) -> Any:
    """A pickle that makes a file when it is opened, as bytes; fails where that file was made."""
    mark = tmp_path / "opened"
    blob = pickle.dumps(Planted(mark))
    pickle.loads(blob)
    assert mark.exists(), "the pickle does what it is for"
    mark.unlink()
    yield blob
    assert not mark.exists(), "a pickle was opened"


@pytest.fixture
def zipped(tmp_path: Path) -> Any:
    """The same in the form of torch.save."""
    mark = tmp_path / "opened"
    torch.save(Planted(mark), tmp_path / "planted.pt")
    yield (tmp_path / "planted.pt").read_bytes()
    assert not mark.exists(), "a pickle was opened"


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening any pickle at all, with or without restrictions, fails the test."""

    def opened(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError(f"torch.load was called with {args}")

    monkeypatch.setattr(torch, "load", opened)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_index_that_names_pickles(place: Path, suffix: str, pickled: bytes, zipped: bytes, never: None) -> None:
    sharded(place, second=f"second{suffix}")
    for blob in (pickled, zipped):
        (place / f"second{suffix}").write_bytes(blob)
        assert f"second{suffix}" in refusal(place)


def test_an_index_that_names_a_good_pickle(place: Path, never: None) -> None:
    """The tensors are right and the file would be opened with restrictions: it is not opened."""
    sharded(place, second="second.bin")
    torch.save(load_file(place / "second.safetensors"), place / "second.bin")
    assert "second.bin" in refusal(place)
    changed(place / "config.json", transformers_weights="adapter_model.bin")
    (place / "second.bin").rename(place / "adapter_model.bin")
    assert "adapter_model.bin" in refusal(place)


def test_pickles_beside_a_model_are_not_there(place: Path, pickled: bytes, never: None) -> None:
    for name in ("pytorch_model.bin", "vocab.pkl", "tokenizer.pkl", "training_args.bin", ".metadata", "x.distcp"):
        (place / name).write_bytes(pickled)
    load(str(place), device="cpu")


@pytest.mark.parametrize("name", ["tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "spiece.model"])
def test_a_pickle_for_a_vocabulary(place: Path, name: str, pickled: bytes, zipped: bytes, never: None) -> None:
    (place / "tokenizer.json").unlink()
    for blob in (pickled, zipped):
        (place / name).write_bytes(blob)
        refusal(place)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "adapter_config.json"])
def test_a_pickle_under_a_right_name(place: Path, name: str, pickled: bytes, zipped: bytes, never: None) -> None:
    for blob in (pickled, zipped):
        (place / name).write_bytes(blob)
        refusal(place)


def test_a_distributed_checkpoint(place: Path, pickled: bytes, never: None) -> None:
    (place / "model.safetensors").unlink()
    for name in (".metadata", "__0_0.distcp", "pytorch_model.bin"):
        (place / name).write_bytes(pickled)
    assert "no safetensors weights" in refusal(place)


def test_a_pickle_for_a_gguf_file(tmp_path: Path, pickled: bytes, zipped: bytes, never: None) -> None:
    for blob in (pickled, zipped):
        (tmp_path / "model.gguf").write_bytes(blob)
        refusal(tmp_path / "model.gguf")


def test_adapters_of_pickles(place: Path, tmp_path: Path, pickled: bytes, zipped: bytes, never: None) -> None:
    adapter = adapter_of(place, tmp_path / "adapter")
    load(str(place), adapter=str(adapter), device="cpu")
    good = load_file(adapter / "adapter_model.safetensors")
    torch.save(good, adapter / "good.bin")
    for blob in (pickled, zipped, (adapter / "good.bin").read_bytes()):
        (adapter / "adapter_model.safetensors").write_bytes(blob)
        refusal(place, adapter=str(adapter))
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    for blob in (pickled, zipped, (adapter / "good.bin").read_bytes()):
        (adapter / "adapter_model.bin").write_bytes(blob)
        assert "adapter_model.bin" in refusal(place, adapter=str(adapter))


def test_an_adapter_that_names_a_pickle_elsewhere(place: Path, tmp_path: Path, zipped: bytes) -> None:
    """Of the kind whose first values peft takes from a file by its path."""
    adapter = adapter_of(place, tmp_path / "adapter")
    (tmp_path / "state.bin").write_bytes(zipped)
    (adapter / "adapter_config.json").write_text(json.dumps({
        "peft_type": "MULTITASK_PROMPT_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 2, "num_tasks": 1,
        "prompt_tuning_init": "AVERAGE_SOURCE_TASKS", "inference_mode": False, "token_dim": 32,
        "num_transformer_submodules": 1, "num_attention_heads": 4, "num_layers": 2,
        "prompt_tuning_init_state_dict_path": str(tmp_path / "state.bin"),
    }))  # fmt: skip
    assert "pickles are never opened" in refusal(place, adapter=str(adapter))


def test_an_adapter_in_the_place_of_a_model(place: Path, tmp_path: Path, never: None) -> None:
    """transformers would fetch the base that it names, from wherever that is."""
    adapter = adapter_of(place, tmp_path / "adapter")
    assert "holds an adapter" in refusal(adapter)
    for file in adapter.iterdir():
        shutil.copy(file, place / file.name)
    assert "holds an adapter" in refusal(place)


OPENERS = ("torch.load(", "np.load(", "numpy.load(", "joblib", "shelve.", "pandas.read_pickle(")
PROGRAM = "from pathlib import Path\nPath({mark!r}).touch()\nclass {name}: pass\n"


@pytest.mark.parametrize("kind", ["model", "tokenizer", "unknown model", "template", "generation"])
def test_programs_beside_a_model_are_not_run(place: Path, tmp_path: Path, kind: str) -> None:
    mark = tmp_path / "ran"
    for name in ("Own", "OwnConfig", "OwnTokenizer"):
        (place / f"{name.lower()}.py").write_text(PROGRAM.format(mark=str(mark), name=name))
    (place / "custom_generate").mkdir()
    (place / "custom_generate" / "generate.py").write_text(PROGRAM.format(mark=str(mark), name="generate"))
    own = {"AutoConfig": "ownconfig.OwnConfig", "AutoModelForCausalLM": "own.Own"}
    if kind in ("model", "unknown model"):
        changed(place / "config.json", auto_map=own)
    if kind == "unknown model":
        changed(place / "config.json", model_type="own", architectures=["Own"])
    if kind == "tokenizer":
        changed(
            place / "tokenizer_config.json",
            auto_map={"AutoTokenizer": ["owntokenizer.OwnTokenizer", None]},
            tokenizer_class="OwnTokenizer",
        )
    if kind == "generation":
        changed(place / "generation_config.json", custom_generate="custom_generate")
    if kind == "template":
        code = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
        (place / "chat_template.jinja").write_text(code)
    if kind in ("unknown model", "tokenizer"):
        refusal(place)
    else:
        load(str(place), device="cpu")
    assert not mark.exists()


def test_an_adapter_that_names_a_program(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapter_of(place, tmp_path / "adapter")
    (tmp_path / "ownmegatron.py").write_text(PROGRAM.format(mark=str(tmp_path / "ran"), name="Own"))
    monkeypatch.syspath_prepend(str(tmp_path))
    changed(adapter / "adapter_config.json", megatron_config={"a": 1}, megatron_core="ownmegatron")
    assert "code from elsewhere" in refusal(place, adapter=str(adapter))
    assert not (tmp_path / "ran").exists()
    assert "ownmegatron" not in sys.modules


def test_stored_activations_that_are_pickles(tmp_path: Path, pickled: bytes, zipped: bytes, never: None) -> None:
    import numpy as np

    stored = Activations(((0, 0),), {0: np.zeros((1, 4), dtype=np.float32)}).save(tmp_path / "stored")
    index = json.loads((stored / "index.json").read_text())
    shard = stored / index["shards"][0]["file"]
    for blob in (pickled, zipped):
        shard.write_bytes(blob)
        with pytest.raises(SelfscopeError, match="capture again"):
            Activations.load(stored)
    for name in ("states.npy", "states.bin"):
        (stored / name).write_bytes(pickled)
        index["shards"][0]["file"] = name
        (stored / "index.json").write_text(json.dumps(index))
        with pytest.raises(SelfscopeError, match="capture again"):
            Activations.load(stored)


def test_no_file_of_the_package_opens_pickles() -> None:
    """By name, in the source; what two processes of one run tell each other is no file."""
    import ast

    from source_tree import SOURCE, files, tree_of

    wrong = []
    for path in files():
        name = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(tree_of(path)):
            text = ast.unparse(node) if isinstance(node, ast.Call | ast.Import | ast.ImportFrom) else ""
            opens = text.startswith(OPENERS)
            if opens or (name != "study/processes.py" and "pickle" in text.split("(")[0]):
                wrong.append(f"{name}: {text[:80]}")
    assert wrong == []
