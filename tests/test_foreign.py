"""A model on a device that shares no memory with the CPU gives the CPU's numbers: no tensor is made in the wrong place.

`make foreign` runs this with SELFSCOPE_TEST_DEVICE=xla in an environment of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from selfscope.records import Decoding, Injection, Prompt, Vector
from selfscope.subjects.local import Local, load
from tested_device import DEVICE, HERE
from tiny import build

pytestmark = [pytest.mark.foreign, pytest.mark.skipif(DEVICE == "cpu", reason="SELFSCOPE_TEST_DEVICE names no device")]
FAMILIES = {"llama": 1e-7, "gpt2": 1e-7, "gemma3-window": 5e-7}
"""How far captures may differ, as a part of the largest value. Gemma norms what each block adds, and the device sums
the squares in another order: 4.5e-7 were measured there, four steps of a number in fp32."""
ASKED = [Prompt(ids=tuple(range(20, 20 + k))) for k in (1, 5, 9, 31)]
WORDS = [["yes", "the stone bridge", "the stone"]] * len(ASKED)


@pytest.fixture(scope="module", params=FAMILIES)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Local, Local]:
    """The same model on the device and on the CPU; its weights are as small as those of a model before training, as
    differences of rounding grow with them."""
    folder = tmp_path_factory.mktemp(request.param)
    file = build(request.param, folder) / "model.safetensors"
    held = load_file(file)
    save_file({k: 0.08 * v if v.ndim > 1 else v for k, v in held.items()}, file, {"format": "pt"})
    return load(str(folder), **HERE), load(str(folder), device="cpu", dtype=HERE["dtype"])


def within(what: str, one: object, other: object, bound: float) -> None:
    """Prints the difference, so that `make foreign` shows what was measured."""
    gap = float(np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).max())
    print(f"{what}: {gap:.1e}")
    assert gap <= bound


def test_the_same_ways_are_taken(both: tuple[Local, Local]) -> None:
    here, cpu = both
    assert here.environment["device"] != cpu.environment["device"]
    for way in ("scoring", "sampling", "common beginnings", "activations"):
        assert here.environment[way] == cpu.environment[way], way


def test_scores_and_next_tokens(both: tuple[Local, Local]) -> None:
    every = range(both[0].engine.vocabulary)
    next_here, next_cpu = ([d.logprobs for d in one.next_token(ASKED, ids=every)] for one in both)
    within("next token", next_here, next_cpu, 1e-6)
    here, cpu = ([x for many in one.score(ASKED, WORDS) for scores in many for x in scores] for one in both)
    within("score", here, cpu, 1e-6)


def test_captures_and_lenses(both: tuple[Local, Local], request: pytest.FixtureRequest) -> None:
    family = request.node.callspec.params["both"]
    layers = [-1, *both[1].layers]
    here, cpu = (one.capture(ASKED, layers, "every") for one in both)
    for layer in layers:
        largest = max(1, np.abs(cpu.at(layer)).max())
        within(f"capture of layer {layer}", here.at(layer) / largest, cpu.at(layer) / largest, FAMILIES[family])
    some = cpu.at(layers[-1])[:3]
    lens_here, lens_cpu = ([d.logprobs for d in one.unembed(some, ids=range(40))] for one in both)
    within("lens", lens_here, lens_cpu, 1e-6)


def test_sampled_tokens(both: tuple[Local, Local]) -> None:
    decoding = Decoding(6, temperature=1.0, seed=3, and_greedy=True)
    here, cpu = ([[reply.ids for reply in many] for many in one.sample(ASKED, 2, decoding)] for one in both)
    assert here == cpu


@pytest.mark.parametrize("operator", ["replace", "add", "norm_add", "norm_replace", "mix", "project_out"])
def test_injections(both: tuple[Local, Local], operator: str) -> None:
    noise = np.random.default_rng(1).normal(size=both[1].width)
    act = Injection(0, Vector.of(noise), (-1,), operator, 0.5)
    written = [replace(prompt, interventions=(act,)) for prompt in ASKED]
    here, cpu = ([d.logprobs for d in one.next_token(written, ids=range(40))] for one in both)
    within(operator, here, cpu, 1e-6)
    assert np.abs(np.subtract(cpu, [d.logprobs for d in both[1].next_token(ASKED, ids=range(40))])).max() > 1e-4
