"""One method of the Patchscopes grid in its own environment: called by peers.py, never by hand.

python peer.py KIND MODEL_FOLDER WORK.npz: loads, then answers each line of its input ("all", "some", "capture") with
a line of JSON: seconds, peak MiB, and what was made. KIND: selfscope | nnsight | transformer_lens.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch


def resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


class Work:
    """The grid: the ids of every cell, the vector and layer of each, and how many tokens to make."""

    def __init__(self, path: str) -> None:
        held = np.load(path)
        self.ids: list[int] = held["ids"].tolist()
        self.vectors_ND = torch.from_numpy(held["vectors"])
        self.layers: list[int] = held["layers"].tolist()
        self.some: list[int] = held["some"].tolist()
        self.rows_BT = torch.from_numpy(held["rows"])
        self.position, self.tokens = int(held["position"]), int(held["tokens"])


class Selfscope:
    def __init__(self, folder: str, work: Work) -> None:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
        from dataclasses import replace

        from selfscope.records import Decoding, Injection, Prompt, Vector
        from selfscope.subjects.local import load

        subject = load(folder, device="cpu")
        self.subject = replace(subject, engine=replace(subject.engine, stop_ids=()))
        self.work, self.decoding = work, Decoding(work.tokens, 0.0)
        self.prompts = [
            Prompt(ids=tuple(work.ids), interventions=(Injection(k, Vector.of(v), (work.position,)),))
            for k, v in zip(work.layers, work.vectors_ND.numpy(), strict=True)
        ]
        self.rows = [Prompt(ids=tuple(r)) for r in work.rows_BT.tolist()]

    def grid(self, cells: list[int]) -> list[list[int]]:
        got = self.subject.sample([self.prompts[i] for i in cells], 1, self.decoding)
        return [list(many[0].ids) for many in got]

    def capture(self) -> float:
        got = self.subject.capture(self.rows, list(self.subject.layers), "every")
        return float(sum(np.abs(got.at(k)).sum(dtype=np.float64) for k in list(self.subject.layers)[:-1]))


class NNsight:
    def __init__(self, folder: str, work: Work) -> None:
        from nnsight import LanguageModel

        self.model = LanguageModel(folder, dispatch=True, dtype=torch.float32)
        self.work = work

    def grid(self, cells: list[int]) -> list[list[int]]:
        work, model = self.work, self.model
        ids_BT = torch.tensor([work.ids] * len(cells))
        places = {k: [b for b, i in enumerate(cells) if work.layers[i] == k] for k in sorted(set(work.layers))}
        vectors_ND, position = work.vectors_ND[cells], work.position
        settings = {"max_new_tokens": work.tokens, "min_new_tokens": work.tokens, "do_sample": False, "pad_token_id": 0}
        mask_BT = torch.ones_like(ids_BT)
        with torch.no_grad(), model.generate({"input_ids": ids_BT, "attention_mask": mask_BT}, **settings):
            for k, rows in places.items():
                if rows:
                    model.model.layers[k].output[rows, position] = vectors_ND[rows]
            out = model.generator.output.save()
        return out[:, len(work.ids) :].tolist()

    def capture(self) -> float:
        model = self.model
        held: list[Any] = []
        with torch.no_grad(), model.trace({"input_ids": self.work.rows_BT}):
            held = list().save()  # noqa: C408
            for layer in model.model.layers:
                held.append(layer.output.clone())
        return float(sum(h.abs().sum(dtype=torch.float64) for h in held[:-1]))


class TransformerLens:
    def __init__(self, folder: str, work: Work) -> None:
        from transformer_lens.model_bridge import TransformerBridge

        self.model = TransformerBridge.boot_transformers(folder, device="cpu", dtype=torch.float32)
        self.work = work

    def grid(self, cells: list[int]) -> list[list[int]]:
        work = self.work
        vectors_ND = work.vectors_ND[cells]
        hooks = []
        for k in sorted(set(work.layers)):
            rows = [b for b, i in enumerate(cells) if work.layers[i] == k]
            if rows:

                def write(value: Any, hook: Any, rows: list[int] = rows) -> Any:
                    if value.shape[1] > 1:
                        value[rows, work.position] = vectors_ND[rows]
                    return value

                hooks.append((f"blocks.{k}.hook_out", write))
        ids_BT = torch.tensor([work.ids] * len(cells))
        with torch.no_grad(), self.model.hooks(fwd_hooks=hooks):
            out = self.model.generate(
                ids_BT, max_new_tokens=work.tokens, do_sample=False, stop_at_eos=False, verbose=False,
                return_type="tokens",
            )  # fmt: skip
        return out[:, len(work.ids) :].tolist()

    def capture(self) -> float:
        with torch.no_grad():
            _, cache = self.model.run_with_cache(
                self.work.rows_BT, names_filter=lambda name: name.endswith("hook_out") and name.count(".") == 2
            )
        names = [f"blocks.{k}.hook_out" for k in range(len(set(self.work.layers)) - 1)]
        return float(sum(cache[n].abs().sum(dtype=torch.float64) for n in names))


KINDS = {"selfscope": Selfscope, "nnsight": NNsight, "transformer_lens": TransformerLens}


def main() -> None:
    kind, folder, path = sys.argv[1:4]
    said = sys.stdout
    sys.stdout = sys.stderr  # libraries print; only answers go back
    work = Work(path)
    method = KINDS[kind](folder, work)
    print(json.dumps({"ready": kind}), file=said, flush=True)
    for line in sys.stdin:
        what = line.strip()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before, start = resident("VmRSS"), time.perf_counter()
        if what == "capture":
            made: Any = method.capture()
        elif what == "some":
            made = [method.grid([i])[0] for i in work.some]
        else:
            made = method.grid(list(range(len(work.layers))))
        spent = time.perf_counter() - start
        answer = {"seconds": spent, "peak": resident("VmHWM") - before, "made": made}
        print(json.dumps(answer), file=said, flush=True)


if __name__ == "__main__":
    main()
