"""What there is, as the command line lists it: whole sentences for people, settings with their types for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfscope.cli import main

LISTED = {
    "phenomena": ("confidence", {"asks", "tier", "family", "formats"}),
    "readers": ("history_baseline", {"rung", "tier"}),
    "controls": ("third_person", {"role"}),
}


@pytest.mark.parametrize("command", LISTED)
def test_what_exists_is_listed_in_whole_sentences(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, facts = LISTED[command]
    main([command, "--json"])
    parts = {part["name"]: part for part in json.loads(capsys.readouterr().out)}
    assert facts <= set(parts[name])
    main([command])
    text = " ".join(capsys.readouterr().out.split())
    for part in parts.values():
        assert part["description"].endswith((".", "?")), part["name"]
        assert f"{part['name']} {part['title']}" in text
        assert part["description"] in text


def test_settings_are_listed_as_they_can_stand_in_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    from selfscope.study.names import built

    main(["readers", "--json"])
    settings = {part["name"]: {s["name"]: s for s in part["settings"]} for part in json.loads(capsys.readouterr().out)}
    assert settings["probe"]["layer"] == {"name": "layer", "type": "int | None", "default": None, "required": False}
    assert "observer" not in settings["other_model"]
    assert "fits" not in settings["probe"]
    main(["phenomena", "--json"])
    confidence = next(p for p in json.loads(capsys.readouterr().out) if p["name"] == "confidence")
    written = ",".join(f"{s['name']}={s['default']}" for s in confidence["settings"])
    assert built("phenomenon", f"confidence[{written}]") == built("phenomenon", "confidence")


def test_a_sentence_ends_where_it_ends() -> None:
    from selfscope.api.descriptions import first_sentence

    assert first_sentence("As Chen et al. 2024 do\n    it. draws: 1.\n\n    k: more.") == "As Chen et al. 2024 do it."
    assert first_sentence("Is it there? Where.") == "Is it there?"
    assert first_sentence("No stop\n\nk: more.") == "No stop"
    assert first_sentence(None) == ""


def test_models_are_listed_within_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / ("long" * 20) / "smollm2-135m"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()
    monkeypatch.setenv("SELFSCOPE_CACHE", str(folder.parent))
    monkeypatch.setenv("COLUMNS", "80")
    main(["models", "list", "--json"])
    assert {"smollm2-135m", "gemma3-270m"} <= {m["name"] for m in json.loads(capsys.readouterr().out)}
    main(["models", "list"])
    lines = capsys.readouterr().out.splitlines()
    assert f"    {folder}" in lines, "a path is whole, on a line of its own"
    assert all(len(line) <= 80 for line in lines if str(folder) not in line)
