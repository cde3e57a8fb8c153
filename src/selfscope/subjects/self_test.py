"""The self-test of a loaded model: its blocks are what `blocks.find` takes them for, and may be read and written.

Axes: B rows, T tokens, D width, V vocabulary, N rows of states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from selfscope.errors import BadModel
from selfscope.subjects.blocks import Blocks, Hook, entering, final_norms, find
from selfscope.subjects.decode import Engine
from selfscope.subjects.no_gradients import no_gradients

Head = Callable[[torch.Tensor], torch.Tensor]
PROBE = 5  # tokens of the self-test
CHECKS = (
    "its list of decoder blocks is found",
    "every block runs and gives one stream",
    "a block's output is what enters the next",
    "writing a state back changes nothing",
    "the states of a prompt carry all of it",
    "the last layer's lens gives the logits",
)
"""What the self-test checks, in order."""


@dataclass(frozen=True)
class Check:
    """One check of the self-test. outcome: passed | failed | not run (an earlier one failed). note: why it failed, in
    one clear line, or what was measured."""

    name: str
    outcome: str = "passed"
    note: str = ""


@dataclass(frozen=True)
class SelfTest:
    """What the self-test of a model found. blocks: with the final norm that gives the logits, and what a block
    returns; None where none of that was found."""

    checks: tuple[Check, ...]
    blocks: Blocks | None = None

    @property
    def failure(self) -> str:
        """Why the first check failed; empty when all is well."""
        return next((c.note for c in self.checks if c.outcome == "failed"), "")


def stopped(passed: int, why: str) -> SelfTest:
    """A self-test that could not go on after so many checks."""
    outcomes = ["passed"] * passed + ["failed"] + ["not run"] * (len(CHECKS) - passed - 1)
    notes = [""] * passed + [why] + [""] * (len(CHECKS) - passed - 1)
    return SelfTest(tuple(map(Check, CHECKS, outcomes, notes)))


def with_stream(engine: Engine) -> tuple[Engine, SelfTest]:
    """The engine with its residual stream where the self-test lets it be read, and the test's result."""
    tolerance = 1e-4 if engine.model.dtype == torch.float32 else 0.3
    try:
        blocks = find(engine.model)
    except BadModel as error:
        return engine, stopped(0, str(error))
    test = self_test(engine.model, blocks, None if engine.full_logits else engine.head, tolerance)
    return (engine if test.failure else replace(engine, blocks=test.blocks)), test


def self_test(model: Any, blocks: Blocks, head: Head | None, tolerance: float) -> SelfTest:
    """Checks on the user's own model that each block's output is what enters the next, that writing a state back
    changes nothing, that states written over another prompt go on as their own, and that the final norm and `head` on
    the last block's output give the model's logits. A check that failed does not stop those that can still be run.

    head: normed states (N, D) -> log-probabilities (N, V); None where no head gives the model's logits.
    """
    probe = _Probe(model, blocks, tolerance)
    with no_gradients(model.device):
        why = probe.run()
        if why:
            return stopped(1, why)
        unlike, gap, lens = probe.lens(head)
        reasons = ("", "", probe.handed_on(), probe.written_back(), probe.carried(), unlike)
    checks = [Check(name, "failed" if why else "passed", why) for name, why in zip(CHECKS, reasons, strict=True)]
    if not unlike:
        checks[-1] = Check(CHECKS[-1], note=f"within {gap:.1g} nats" if gap else "exactly")
    return SelfTest(tuple(checks), replace(lens, output=probe.output))


class _Probe:
    """A short prompt, what each block was given and gave for it, and the logits. Its checks return why they failed."""

    def __init__(self, model: Any, blocks: Blocks, tolerance: float) -> None:
        self.model, self.blocks, self.tolerance = model, blocks, tolerance
        self.leaving: dict[int, torch.Tensor] = {}
        self.entering: dict[int, torch.Tensor] = {}
        self.output = "tensor"

    def logits(self, hooks: Sequence[tuple[int, Hook]] = (), step: int = 7, first: int = 11) -> torch.Tensor:
        """Logits (T, V) of one of the probe's prompts."""
        vocabulary = int(self.model.config.get_text_config().vocab_size)
        ids = torch.tensor([[(step * k + first) % vocabulary for k in range(PROBE)]], device=self.model.device)
        with self.blocks.hooked(hooks):
            logits_TV: torch.Tensor = self.model(input_ids=ids, use_cache=False).logits[0].float()
        return logits_TV

    def run(self) -> str:
        blocks = self.blocks.blocks
        handles = [blocks[0].register_forward_hook(self._note)]
        for layer, block in enumerate(blocks):
            before = entering(_keep(self.entering, layer - 1))
            handles.append(block.register_forward_pre_hook(before, with_kwargs=True))
        try:
            self.clean_TV = self.logits([(layer, _keep(self.leaving, layer)) for layer in self.blocks.layers])
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, RuntimeError) as error:
            return f"its blocks do not take or give a residual stream ({' '.join(str(error).split())})"
        finally:
            for handle in handles:
                handle.remove()
        if len(self.leaving) != len(blocks):
            return f"{len(blocks) - len(self.leaving)} of its blocks did not run in a plain forward"
        shape = (1, PROBE, self.blocks.width)
        for k in self.blocks.layers:
            if tuple(self.leaving[k].shape) != shape:
                return f"block {k} gives {tuple(self.leaving[k].shape)}, not one stream of {shape}"
        return ""

    def _note(self, module: Any, inputs: Any, output: Any) -> None:
        self.output = "tuple" if isinstance(output, tuple) else "tensor"

    def handed_on(self) -> str:
        for k in self.blocks.layers[:-1]:
            if not torch.equal(self.leaving[k], self.entering[k]):
                return f"the output of block {k} is not what enters block {k + 1}"
        return ""

    def written_back(self) -> str:
        for layer in (-1, len(self.blocks.blocks) // 2):
            state_D = (self.entering if layer < 0 else self.leaving)[layer][0, 2]

            def back(stream_BTD: torch.Tensor, state_D: torch.Tensor = state_D) -> torch.Tensor:
                new = stream_BTD.clone()
                new[0, 2] = state_D
                return new

            if not torch.equal(self.logits([(layer, back)]), self.clean_TV):
                return f"writing a state back at layer {layer} changes the logits"
        return ""

    def carried(self) -> str:
        """Another prompt with all states of this one from a layer on must go on as this one, or there is a second
        stream."""
        middle = len(self.blocks.blocks) // 2
        moved_TV = self.logits([(middle, lambda stream_BTD: self.leaving[middle].clone())], step=5, first=2)
        if float((moved_TV - self.clean_TV).abs().max()) < self.tolerance:
            return ""
        return "what its blocks compute depends on more than one stream (the tokens reach later blocks)"

    def lens(self, head: Head | None) -> tuple[str, float, Blocks]:
        """Why it failed, the largest difference to the logits in nats, and the blocks with the norm that differs
        least."""
        if head is None:
            return "its logits are not its output embedding on its last states", 0.0, self.blocks
        gaps: list[tuple[float, Blocks]] = []
        for blocks in final_norms(self.blocks):
            gap = self._lens_gap(blocks, head)
            gaps.append((gap, blocks))
            if gap < self.tolerance:
                return "", gap, blocks
        gap, blocks = min(gaps, key=lambda pair: pair[0])
        if gap == float("inf"):
            return "its head does not take what its final norm gives", 0.0, blocks
        return f"final norm and head on the last block differ from its logits by {gap:.2g} nats", gap, blocks

    def _lens_gap(self, blocks: Blocks, head: Head) -> float:
        try:
            lens_TV = head(blocks.normed(self.leaving[len(blocks.blocks) - 1][0]))
        except (TypeError, ValueError, RuntimeError, AttributeError, IndexError):
            return float("inf")
        if lens_TV.shape != self.clean_TV.shape:
            return float("inf")
        gap = float((lens_TV - self.clean_TV.log_softmax(-1)).abs().max())
        return gap if gap >= 0 else float("inf")


def _keep(into: dict[int, torch.Tensor], layer: int) -> Hook:
    def hook(stream_BTD: torch.Tensor) -> None:
        into[layer] = stream_BTD.detach().clone()

    return hook
