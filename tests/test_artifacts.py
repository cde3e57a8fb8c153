"""What was trained is told apart in a list, and given to others whole, in the units of their format, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from decoder_runs import LESSON, QUICK
from selfscope.api.artifacts import HEAD, artifacts, check, export
from selfscope.api.decoders import fit_decoder
from selfscope.api.organisms import make
from selfscope.errors import BadInput, BadModel
from selfscope.organisms.vector_trait import VectorTrait
from selfscope.records import Injection, Prompt, Vector
from selfscope.records.contracts import TENSORS
from selfscope.subjects.adapter_files import SIDECAR, read_sidecar, save_adapter, whole
from selfscope.subjects.live_adapters import ALWAYS, SWITCHED
from selfscope.subjects.local import Local, load
from selfscope.subjects.model_files import ADAPTER
from selfscope.subjects.tensor_files import load_tensors, save_tensors
from selfscope.subjects.written_files import MEDIANS, put_on, save_written
from selfscope.training.control_vectors import load_control_vector
from tiny import build
from worn_adapters import noisy

ASKED = [Prompt(text="The river")]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Local:
    return load(str(build("llama", tmp_path_factory.mktemp("llama"), deep=True, roomy=True)))


def changed(file: Path) -> None:
    """One number of a file of tensors."""
    held = load_tensors(file)
    name = min(held)
    held[name] = held[name] + 1
    save_tensors(file, held)


def test_a_vector_in_medians_is_given_in_raw_units(local: Local, tmp_path: Path) -> None:
    """As long as it was when it was made; a folder that does not tell that says what to do."""
    trait = VectorTrait(prompts=2, draws=1, strength=0.7)
    (made,) = make(trait, local, tmp_path / "animals", twin=False)
    vectors, _ = load_control_vector(export(made.folder, tmp_path / "given") / "control_vector.gguf")
    ((layer, vector),) = vectors.items()
    assert np.linalg.norm(vector) == pytest.approx(0.7 * local.median_norm(layer), rel=1e-5)
    raw = Injection(layer, Vector.of(vector), operator="add", schedule="every")
    (here,), (there,) = (s.score(ASKED, [[" runs"]]) for s in (put_on(local, made.folder), local.intervened([raw])))
    assert here[0] == pytest.approx(there[0], abs=1e-4)
    held = json.loads((made.folder / SIDECAR).read_text())
    del held["made"][MEDIANS]
    (made.folder / SIDECAR).write_text(json.dumps(held))
    assert put_on(local, made.folder).identity  # an older one acts as it did
    with pytest.raises(BadInput, match="make it again"):
        export(made.folder, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    nothing = Injection(1, Vector.of(np.zeros(local.width)), operator="add", unit="median", schedule="every")
    save_written(tmp_path / "zero", local, [nothing], "organism", {})
    vectors, _ = load_control_vector(export(tmp_path / "zero", tmp_path / "z") / "control_vector.gguf")
    assert not vectors[1].any()


def test_nothing_damaged_is_given_away(local: Local, tmp_path: Path) -> None:
    """What an adapter's sidecar and a decoder's contract tell of is looked at before anything is written."""
    save_adapter(tmp_path / "adapter", local, noisy(local.new_adapter(carry=ALWAYS)), "reporter", {})
    whole(read_sidecar(tmp_path / "adapter"), tmp_path / "adapter")
    decoder = fit_decoder(local, tmp_path / "decoder", replace(LESSON, items=16, every=0, twins=()), schedule=QUICK)
    assert export(tmp_path / "adapter", tmp_path / "a").exists()
    assert export(decoder.folder, tmp_path / "d").exists()
    for place, file in (("adapter", ADAPTER[1]), ("decoder", TENSORS), ("decoder", ADAPTER[1])):
        kept = (tmp_path / place / file).read_bytes()
        changed(tmp_path / place / file)
        with pytest.raises(BadModel, match="are not those"):
            export(tmp_path / place, tmp_path / "none")
        with pytest.raises(BadModel, match="are not those"):
            check(tmp_path / place, local)
        (tmp_path / place / file).write_bytes(kept)
    held = json.loads((tmp_path / "adapter" / ADAPTER[0]).read_text())
    (tmp_path / "adapter" / ADAPTER[0]).write_text(json.dumps({**held, "target_modules": held["target_modules"][1:]}))
    with pytest.raises(BadModel, match="are not those"):
        export(tmp_path / "adapter", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_list_tells_objectives_twins_and_vectors_apart(local: Local, tmp_path: Path) -> None:
    def made(name: str, **more: object) -> None:
        told = {"lesson": "truths[labels=6]", "schedule": {"objective": "brier"}, **more}
        save_adapter(tmp_path / name, local, local.new_adapter(carry=SWITCHED), "reporter", told)

    made("plain")
    made("others", labels_of="gpt2 (abc)")
    made("shuffled", lesson="truths[shuffled=true]", schedule={"objective": "dpo"})
    write = Injection(2, Vector.of(np.ones(local.width)), operator="add", schedule="every")
    save_written(tmp_path / "vector", local, [write], "reporter", {"lesson": "truths", "bias": 2})
    save_written(tmp_path / "twin", local, [write], "organism", {"organism": "habit[benign=true,word=Well]"})
    decoder = fit_decoder(
        local, tmp_path / "decoder", replace(LESSON, items=16, every=0, twins=("tokens",), reads="others"),
        schedule=QUICK,
    )  # fmt: skip
    export(decoder.folder, tmp_path / "given")
    listed = {Path(row[0]).name: dict(zip(HEAD, row, strict=True)) for row in artifacts(tmp_path)._table().rows}
    shown = {name: (row["what"], row["carried"], row["objective"], row["twin"]) for name, row in listed.items()}
    assert shown == {
        "plain": ("reporter", "switched", "brier", ""),
        "others": ("reporter", "switched", "brier", "another's deeds"),
        "shuffled": ("reporter", "switched", "dpo", "shuffled"),
        "vector": ("reporter", "vector behind block 2", "", ""),
        "twin": ("organism", "written", "", "benign"),
        "decoder": ("decoder: oracle", "reads 2", "soft_labels", "reads others"),
        "tokens": ("decoder: oracle", "reads -1", "soft_labels", "reads tokens"),
        "given": ("decoder: oracle, exported", "reads 2", "soft_labels", "reads others"),
    }
    assert listed["given"]["identity"] == listed["decoder"]["identity"]
    with pytest.raises(BadModel, match="given to others"):
        check(tmp_path / "given", local)
