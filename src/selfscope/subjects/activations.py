"""States of the residual stream as numpy arrays keyed by layer, in memory and in a folder of safetensors shards."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from selfscope.errors import BadInput, SelfscopeError, file_error, reaching
from selfscope.secrets import cleaned_json

SHARD_FLOATS = 1 << 26
"""Numbers of a shard: 256 MB in fp32."""
CONVENTION = "layer k is the output of block k, from 0, before the final norm; -1 is what enters block 0"


class BadActivations(SelfscopeError):
    """Stored activations that are damaged, or of another subject."""


class Owner(Protocol):
    """Whose states stored activations have to be: any subject. Its `vocabulary_hash` is compared too where it has
    one."""

    name: str
    identity: str
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class Activations:
    """Captured states of N places.

    Attributes
    ----------
    places : tuple of (int, int)
        (prompt, position) of each of the N rows, prompts in order, positions as they were asked for.
    states : Mapping of int to array of shape (N, D)
        Layer -> float32.
    tokens : tuple of str
        What stands at each place.
    record : Mapping of str to Any
        Whose states these are: model, revision, tokenizer, adapter, hashes of the prompts, dtype, kernel, versions.
    """

    places: tuple[tuple[int, int], ...]
    states: Mapping[int, Any]
    tokens: tuple[str, ...] = ()
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that were captured."""
        return tuple(self.states)

    def at(self, layer: int) -> Any:
        """The states of one layer.

        Parameters
        ----------
        layer : int
            One that was captured.

        Returns
        -------
        array of shape (N, D)
            In the order of the places.

        Raises
        ------
        BadInput
            For a layer that was not captured; it names those that were.
        """
        if layer not in self.states:
            have = ", ".join(map(str, self.states))
            raise BadInput(f"layer {layer} was not captured; captured were: {have}")
        return self.states[layer]

    def of(self, prompt: int, layer: int) -> Any:
        """The states of one prompt at a layer.

        Parameters
        ----------
        prompt : int
            Its number among those that were captured.
        layer : int
            One that was captured.

        Returns
        -------
        array of shape (n, D)
            In the order of its positions.
        """
        rows = [i for i, (p, _) in enumerate(self.places) if p == prompt]
        return self.at(layer)[rows]

    def save(self, folder: str | Path) -> Path:
        """Writes shards and an index with the record; each row's norm at each layer stands beside it.

        The index comes last and at once: a save that was cut off leaves what the folder held before.

        Parameters
        ----------
        folder : str or Path
            It is made where it does not exist.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        FileError
            It cannot be written: no room, no right, no such place.
        """
        path = Path(folder)
        with reaching(path):
            path.mkdir(parents=True, exist_ok=True)
            self._write(path)
        return path

    def _write(self, path: Path) -> None:
        import numpy as np

        shards: list[dict[str, Any]] = []
        for layer, states_ND in self.states.items():
            step = max(1, SHARD_FLOATS // max(1, states_ND.shape[1]))
            for start in range(0, max(1, len(states_ND)), step):
                part_ND = np.ascontiguousarray(states_ND[start : start + step], dtype=np.float32)
                shards.append({"layer": layer, "start": start, "rows": len(part_ND), **_shard(path, layer, part_ND)})
        index = {
            "convention": CONVENTION,
            "record": dict(self.record),
            "places": [list(p) for p in self.places],
            "tokens": list(self.tokens),
            "norms": {str(k): _norms(v) for k, v in self.states.items()},
            "shards": shards,
        }
        temporary = path / "index.json.part"
        temporary.write_text(cleaned_json(json.dumps(index, ensure_ascii=False, indent=1), indent=1), encoding="utf-8")
        temporary.replace(path / "index.json")
        names = {shard["file"] for shard in shards}
        for old in sorted(path.glob("layer*.safetensors*")):
            if old.name not in names:
                old.unlink()

    @classmethod
    def load(cls, folder: str | Path, *, subject: str | Owner | None = None) -> Activations:
        """What `save` wrote; keys of the record that nobody knows are kept.

        Parameters
        ----------
        folder : str or Path
            Of a save.
        subject : str or Owner, optional
            Whose states they must be, as an identity, or as the subject itself: then another attention kernel gives a
            warning.

        Returns
        -------
        Activations
            As they were saved.

        Raises
        ------
        BadActivations
            For a missing or damaged file, another layer convention, and states of another subject.
        FileError
            For a file that the system does not let be read.
        """
        import numpy as np
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = Path(folder)
        try:
            index = json.loads((path / "index.json").read_text(encoding="utf-8"))
            _belong(path, index, subject)
            parts: dict[int, list[Any]] = {}
            for shard in index["shards"]:
                part_ND = load_file(path / shard["file"])["states"]
                if _digest(part_ND) != shard["hash"]:
                    raise BadActivations(f"{path / shard['file']} does not hold what its index says: capture again")
                parts.setdefault(int(shard["layer"]), []).append(part_ND)
            places = tuple((int(p), int(c)) for p, c in index["places"])
            states = {layer: np.concatenate(pieces) for layer, pieces in parts.items()}
            if any(len(v) != len(places) for v in states.values()) or set(map(str, states)) != set(index["norms"]):
                raise BadActivations(f"{path} lacks a part: capture again")
            return cls(places, states, tuple(index["tokens"]), index["record"])
        except FileNotFoundError as error:
            raise _unreadable(path, error) from error
        except OSError as error:
            raise file_error(error, path) from error
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if "null byte" in str(error):
                raise file_error(OSError(str(error)), path) from error
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BadActivations:
    return BadActivations(f"{path} holds no readable activations ({' '.join(str(error).split())}): capture again")


def _shard(path: Path, layer: int, part_ND: Any) -> dict[str, str]:
    """Writes one file; its name holds its hash, so that no save writes over the files of another."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    digest = _digest(part_ND)
    name = f"layer{layer}-{digest[:16]}.safetensors"
    temporary = path / f"{name}.part"
    try:
        save_file({"states": part_ND}, temporary)
        temporary.replace(path / name)
    except (SafetensorError, OSError) as error:  # it tells faults of the system as its own
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise error if isinstance(error, OSError) else file_error(OSError(str(error)), path / name) from error
    return {"file": name, "hash": digest}


def _norms(states_ND: Any) -> list[float]:
    import numpy as np

    return [round(float(x), 4) for x in np.linalg.norm(np.asarray(states_ND, dtype=np.float64), axis=1)]


def _digest(part_ND: Any) -> str:
    return hashlib.sha256(repr(part_ND.shape).encode() + part_ND.tobytes()).hexdigest()[:32]


def _belong(path: Path, index: Mapping[str, Any], subject: str | Owner | None) -> None:
    """Raises BadActivations where the states are of another subject or counted otherwise."""
    record = index["record"]
    if index["convention"] != CONVENTION:
        raise BadActivations(f"{path} counts layers otherwise ({index['convention']}); here {CONVENTION}")
    if subject is None:
        return
    identity = subject if isinstance(subject, str) else subject.identity
    if record.get("subject") != identity:
        raise BadActivations(
            f"{path} holds activations of the subject {record.get('subject')} ({record.get('model')}, "
            f"{record.get('dtype')}, adapter {record.get('adapter')}), not of {identity}"
        )
    if isinstance(subject, str):
        return
    tokenizer = getattr(subject, "vocabulary_hash", None)
    if tokenizer is not None and record.get("tokenizer") not in (None, tokenizer):
        raise BadActivations(f"{path} was captured with another vocabulary than that of {subject.name}")
    kernel = subject.environment.get("attention")
    if kernel is not None and record.get("kernel") not in (None, kernel):
        warnings.warn(
            f"{path} was captured with the attention kernel {record['kernel']}, {subject.name} runs with {kernel}: "
            "states agree to rounding only",
            stacklevel=3,
        )
