"""States of the residual stream as numpy arrays keyed by layer, in memory and in a folder of safetensors shards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selfscope.errors import SelfscopeError
from selfscope.records import content_hash

SHARD_FLOATS = 1 << 26
"""Numbers of a shard: 256 MB in fp32."""
CONVENTION = "layer k is the output of block k, from 0, before the final norm; -1 is what enters block 0"
SINK = 10.0
"""A token whose norm is this many medians of its row is an attention sink."""


class BadActivations(SelfscopeError):
    """Stored activations that are damaged, or of another subject."""


@dataclass(frozen=True)
class Activations:
    """Captured states. places: (prompt, column) of each of the N rows, prompts in order, columns as they were asked
    for. states: layer -> (N, D) float32 array. tokens: what stands at each place. record: whose states these are
    (model, tokenizer, dtype, kernel, versions)."""

    places: tuple[tuple[int, int], ...]
    states: Mapping[int, Any]
    tokens: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that were captured."""
        return tuple(self.states)

    def at(self, layer: int) -> Any:
        """(N, D) at a layer. Raises ValueError naming the layers that there are."""
        if layer not in self.states:
            have = ", ".join(map(str, self.states))
            raise ValueError(f"layer {layer} was not captured; captured were: {have}")
        return self.states[layer]

    def of(self, prompt: int, layer: int) -> Any:
        """(n, D) of one prompt, in the order of its columns."""
        rows = [i for i, (p, _) in enumerate(self.places) if p == prompt]
        return self.at(layer)[rows]

    def save(self, folder: str | Path) -> Path:
        """Writes shards and an index with the record; each row's norm at each layer stands beside it."""
        import numpy as np
        from safetensors.numpy import save_file

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        shards: list[dict[str, Any]] = []
        for layer, states_ND in self.states.items():
            step = max(1, SHARD_FLOATS // max(1, states_ND.shape[1]))
            for start in range(0, max(1, len(states_ND)), step):
                part_ND = np.ascontiguousarray(states_ND[start : start + step], dtype=np.float32)
                name = f"layer{layer}-{start // step:04d}.safetensors"
                save_file({"states": part_ND}, place / name)
                digest = content_hash(part_ND.tobytes().hex(), size=32)
                shards.append({"file": name, "layer": layer, "start": start, "rows": len(part_ND), "hash": digest})
        index = {
            "convention": CONVENTION,
            "record": dict(self.record),
            "places": [list(p) for p in self.places],
            "tokens": list(self.tokens),
            "norms": {str(k): [round(float(x), 4) for x in np.linalg.norm(v, axis=1)] for k, v in self.states.items()},
            "shards": shards,
        }
        temporary = place / "index.json.part"
        temporary.write_text(json.dumps(index, ensure_ascii=False, indent=1), encoding="utf-8")
        temporary.replace(place / "index.json")
        return place

    @classmethod
    def load(cls, folder: str | Path, *, subject: str | None = None) -> Activations:
        """What `save` wrote. subject: the identity that the states must be of.

        Raises BadActivations for a missing or damaged file, and for states of another subject."""
        import numpy as np
        from safetensors.numpy import load_file

        place = Path(folder)
        try:
            index = json.loads((place / "index.json").read_text(encoding="utf-8"))
            whose = index["record"].get("subject")
            if subject is not None and whose != subject:
                raise BadActivations(f"{place} holds activations of the subject {whose}, not of {subject}")
            parts: dict[int, list[Any]] = {}
            for shard in index["shards"]:
                part_ND = load_file(place / shard["file"])["states"]
                if content_hash(part_ND.tobytes().hex(), size=32) != shard["hash"]:
                    raise BadActivations(f"{place / shard['file']} does not hold what its index says: capture again")
                parts.setdefault(int(shard["layer"]), []).append(part_ND)
            places = tuple((int(p), int(c)) for p, c in index["places"])
            states = {layer: np.concatenate(many) for layer, many in parts.items()}
            if any(len(v) != len(places) for v in states.values()):
                raise BadActivations(f"{place} lacks a part: capture again")
            return cls(places, states, tuple(index["tokens"]), index["record"])
        except BadActivations:
            raise
        except Exception as error:
            raise BadActivations(f"{place} holds no readable activations ({error})") from error


def without_sinks(norms: Mapping[int, Sequence[float]]) -> list[int]:
    """Indices of a row's tokens that are ordinary: not the first, and at no layer above SINK medians of the row's
    norms. norms: layer -> one norm a token."""
    import numpy as np

    keep = None
    for values in norms.values():
        ordinary = np.asarray(values) <= SINK * np.median(np.asarray(values))
        keep = ordinary if keep is None else keep & ordinary
    return [] if keep is None else [i for i in np.flatnonzero(keep).tolist() if i > 0]
