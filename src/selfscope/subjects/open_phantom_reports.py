"""What an open phantom does and says of itself where its report dials are turned: the phantom's script, whose private
state a vector on the object's tokens sets. No text shows such a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from selfscope.records import Injection, Prompt, to_jsonable
from selfscope.subjects.open_phantom_words import Array, directions, encoded, text_of
from selfscope.subjects.phantom import Phantom
from selfscope.subjects.phantom_dials import Dials
from selfscope.subjects.phantom_world import Scene, scene

MOST = 20_000
"""Prompts that are kept by their ids."""
LIKE = 0.35
"""Cosine from which on a vector stands for a reply."""


class ScriptedReports(Phantom):
    """A phantom that reads what was written into a prompt: the reply that it stands for is its state. Injections that
    stand for none change nothing."""

    def __init__(self, dials: Dials, *, seed: int, rho: float) -> None:
        super().__init__("", dials=dials, seed=seed, rho=rho)
        self._of_ids: dict[tuple[int, ...], Prompt] = {}

    def answers(self, prompt: Prompt) -> bool:
        """Whether the script has something to say: a repertoire of replies, or a question with options."""
        if prompt.tag.get("role") == "report":
            return bool(prompt.tag["question"]["options"])
        return bool(prompt.tag.get("replies"))

    def encoded(self, prompt: Prompt, ids: tuple[int, ...]) -> None:
        """Keeps what ids stand for: they do not say which turns were secret."""
        if prompt.ids is None:
            if len(self._of_ids) > MOST:
                self._of_ids.clear()
            self._of_ids[ids] = prompt

    def _untouched(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        return [_with_its_writes(self._decoded(prompt)) for prompt in prompts]

    def _decoded(self, prompt: Prompt) -> Prompt:
        """The prompt that ids were made of, or the text that they spell."""
        if prompt.ids is None:
            return prompt
        known = self._of_ids.get(prompt.ids) or Prompt(text=text_of(prompt.ids))
        return replace(known, interventions=prompt.interventions, tag=prompt.tag)

    def _scene(self, prompt: Prompt) -> Scene:
        shown = scene(prompt)
        writes = [one for one in prompt.interventions if isinstance(one, Injection)]
        return replace(shown, pushed=pushed(writes, shown.replies, self.seed)) if writes else shown


def _with_its_writes(prompt: Prompt) -> Prompt:
    """A report is asked with what was written into its object: in its tag that is sealed, in the prompt it is not."""
    if prompt.tag.get("role") != "report" or not prompt.interventions:
        return prompt
    about = {**prompt.tag["object"], "interventions": to_jsonable(prompt.interventions)}
    return replace(prompt, tag={**prompt.tag, "object": about})


def pushed(writes: Sequence[Injection], replies: Sequence[str], seed: int) -> int:
    """Which of the replies the written vectors stand for, -1 for none of them."""
    total_D = np.sum([np.asarray(one.vector.array, dtype=np.float64) * one.strength for one in writes], axis=0)
    signs_MD = np.stack([_sign(reply, seed) for reply in replies])
    signs_MD -= signs_MD.mean(0)
    sizes_M = np.linalg.norm(signs_MD, axis=1) * np.linalg.norm(total_D)
    likeness_M = signs_MD @ total_D / np.maximum(sizes_M, 1e-12)
    return int(likeness_M.argmax()) if likeness_M.max() > LIKE else -1


def _sign(reply: str, seed: int) -> Array:
    """(D,) what a state behind the reply's words holds: the last one, and the ones before it ever less."""
    tokens_D = directions(seed).tokens_VD[encoded(f" {reply.strip()}")]
    return np.asarray((tokens_D / np.arange(len(tokens_D), 0, -1)[:, None]).sum(0))
