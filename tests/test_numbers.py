"""Vectors and tokens from outside: in any type they are the same numbers, and what is none is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfscope.errors import BadInput
from selfscope.records import Injection, Prompt, Vector
from selfscope.records.numbers import finite_numbers
from selfscope.subjects.local import Local, load
from tiny import ARCHITECTURES, build

VALUES = [0.5, -1.25, 3.0, 0.0]


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True)), device="cpu")


SAME: dict[str, Any] = {
    "list": VALUES,
    "tuple of numpy numbers": tuple(np.float64(v) for v in VALUES),
    "float64": np.array(VALUES),
    "big-endian": np.array(VALUES, dtype=">f8"),
    "float16": np.array(VALUES, dtype=np.float16),
    "every other": np.array([x for v in VALUES for x in (v, 9.0)])[::2],
    "backwards": np.array(VALUES[::-1])[::-1],
    "torch": torch.tensor(VALUES),
    "bfloat16": torch.tensor(VALUES, dtype=torch.bfloat16),
    "with a gradient": torch.tensor(VALUES, requires_grad=True),
    "a parameter": torch.nn.Parameter(torch.tensor(VALUES)),
    "a column": torch.stack([torch.tensor(VALUES)] * 3, dim=1)[:, 1],
    "sparse": torch.tensor(VALUES).to_sparse(),
    "sparse, bfloat16": torch.tensor(VALUES, dtype=torch.bfloat16).to_sparse(),
    "a negative view": torch.imag(torch.conj(torch.complex(torch.zeros(4), -torch.tensor(VALUES)))),
    "for another library": torch.tensor(VALUES).to_mkldnn() if torch.backends.mkldnn.is_available() else VALUES,
    "list of tensors": [torch.tensor(v) for v in VALUES],
}


@pytest.mark.parametrize("form", SAME)
def test_the_same_numbers_are_the_same_vector(form: str) -> None:
    assert Vector.of(SAME[form]) == Vector.of(VALUES)
    assert Vector.of(SAME[form]).array.tolist() == VALUES


NONE: dict[str, Any] = {
    "nan": [1.0, float("nan")],
    "infinity": torch.tensor([1.0, float("inf")], dtype=torch.bfloat16),
    "too large": [1e300],
    "truth values": [True, False],
    "a mask": torch.tensor([True, False]),
    "text": ["1", "2"],
    "complex": [1j],
    "ragged": [[1.0], [1.0, 2.0]],
    "nothing": None,
    "a dict": {"a": 1},
}


@pytest.mark.parametrize("form", NONE)
def test_what_is_no_number_is_refused(form: str) -> None:
    with pytest.raises(BadInput):
        Vector.of(NONE[form])
    with pytest.raises(BadInput):
        finite_numbers(NONE[form], "states")


@pytest.mark.parametrize("form", ["bfloat16", "gradient", "transposed", "float64"])
def test_the_lens_takes_states_of_any_type(subject: Local, form: str) -> None:
    states = torch.from_numpy(subject.capture([Prompt(text="A river")], [2], "every").at(2)).bfloat16().float()
    made: Any = {
        "bfloat16": states.bfloat16(),
        "gradient": states.clone().requires_grad_(),
        "transposed": states.T.contiguous().T,
        "float64": states.double().numpy(),
    }[form]
    assert subject.unembed(made, top=5) == subject.unembed(states.tolist(), top=5)


@pytest.mark.parametrize("beyond", [0, 1, 5, 10_000])
def test_a_token_that_the_model_does_not_have_is_refused(subject: Local, beyond: int) -> None:
    """Beyond the vocabulary stand marked tokens: taken for one, such a token would carry another row's injection."""
    token = subject.engine.vocabulary + beyond
    injection = Injection(1, Vector.of(np.ones(subject.width)), positions=(0,))
    for prompt in (Prompt(ids=(5, token)), Prompt(ids=(5, token), interventions=(injection,))):
        for call in (
            lambda p: subject.next_token([p]), lambda p: subject.score([p], [[" a"]]),
            lambda p: subject.capture([p], [1]), lambda p: subject.encode(p),
        ):  # fmt: skip
            with pytest.raises(BadInput, match=str(token)):
                call(prompt)
    with pytest.raises(BadInput, match="there is no token"):
        subject.next_token([Prompt(ids=(5,))], ids=[token])
    with pytest.raises(BadInput, match="there is no token"):
        subject.unembed(np.ones((1, subject.width)), ids=[-1 - beyond])


@pytest.mark.parametrize("ids", [(1, -1), (1.0, 2.0), (True,), "ab", 3, (None,)])
def test_what_is_no_token_id_is_no_prompt(ids: Any) -> None:
    with pytest.raises(BadInput):
        Prompt(ids=ids)


def test_numpy_ids_are_ids() -> None:
    assert Prompt(ids=tuple(np.array([3, 4]))) == Prompt(ids=(3, 4))


def test_a_final_norm_is_known_by_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LFM2 calls it `embedding_norm`; BLOOM has a norm of its embeddings besides; OLMo's has no weight."""
    from tiny import GQA

    more = {
        "lfm2": ("lfm2", {**GQA, "layer_types": ["conv", "full_attention"]}),
        "olmo": ("olmo", GQA),
    }
    paths = {"lfm2": "model.embedding_norm", "olmo": "model.norm", "bloom": "transformer.ln_f"}
    for name, path in paths.items():
        monkeypatch.setitem(ARCHITECTURES, name, more.get(name) or ARCHITECTURES[name])
        local = load(str(build(name, tmp_path / name)), device="cpu")
        assert local.refused == ""
        assert local.engine.blocks is not None
        assert local.engine.blocks.norm_path == path
