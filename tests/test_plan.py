"""The import plan of the house, read from the syntax tree: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from selfscope.catalogue import CATALOGUE
from source_tree import (
    KINDS,
    MODULES,
    SOURCE,
    circles,
    disguised,
    files,
    imports,
    named_modules,
    needs,
    private_names,
    room_of,
    tree_of,
)

EVERY = {
    "records", "errors", "statistics", "quantities", "parsing", "wording", "scoring", "store", "subjects", "phenomena",
    "readers", "controls", "directions", "verdicts", "study", "report", "catalogue", "settings", "tables", "api",
    "cli", "secrets", "terminal", "training", "organisms", "habits", "sandbox",
}  # fmt: skip
ROOMS: dict[str, set[str]] = {
    "records": set(),
    "secrets": set(),
    "terminal": {"secrets"},
    "errors": {"terminal"},
    "statistics": set(),
    "catalogue": set(),
    "settings": set(),
    "tables": {"terminal"},
    "habits": set(),
    "sandbox": set(),
    "parsing": {"records"},
    "wording": {"records"},
    "scoring": {"records"},
    "quantities": {"records", "parsing", "habits"},
    "store": {"records", "tables", "secrets"},
    "subjects": {"records", "secrets", "terminal"},
    "directions": set(),
    "phenomena": {
        "directions", "records", "parsing", "quantities", "habits", "statistics", "subjects.base", "sandbox",
    },
    "readers": {"directions", "records", "parsing", "quantities", "wording", "scoring", "statistics", "subjects.base"},
    "controls": {"records", "quantities", "habits", "wording", "subjects.base"},
    "verdicts": {"records", "statistics"},
    "study": {
        "records", "scoring", "store", "catalogue", "settings", "subjects.base", "subjects.sealed", "phenomena.base",
        "readers.base", "controls.base", "secrets",
    },
    "organisms": {"records", "quantities", "habits", "statistics", "subjects", "phenomena", "training"},
    "training": {"directions", "records", "quantities", "wording", "statistics", "subjects"},
    "report": {"records", "statistics", "verdicts", "store", "tables", "terminal"},
    "api": EVERY - {"cli"},
    "cli": EVERY,
    "__init__": EVERY - {"cli"},
    "__main__": {"cli"},
}  # fmt: skip
EXCEPTIONS = {
    "subjects/phantom.py": {"quantities"},
    "subjects/phantom_options.py": {"quantities"},
    "subjects/phantom_skill.py": {"quantities"},
    "subjects/phantom_traits.py": {"quantities"},
    "subjects/open_phantom_words.py": {"quantities"},
    "subjects/open_phantom_notice.py": {"quantities"},
}
"""A phantom has to know what its own answers are like, and the packaged words and statements."""
HEAVY = {"torch", "transformers", "scipy", "peft", "safetensors", "pandas", "duckdb"}
LOADED = (
    "local", "local_model", "blocks", "self_test", "capture", "cascade", "decode", "fast_paths", "inject",
    "gumbel_sampling", "growing_rows", "bundled_models", "model_report", "onednn_linear", "prefix_trees", "rollout",
    "masked_rows", "no_gradients", "sight", "white_box", "company", "access_laws", "marks", "live_adapters",
    "gradients", "local_weights", "live_states",
)  # fmt: skip
TRAINING = (
    "objectives", "loop", "checkpoints", "trainable", "live_decoder", "fit_decoder", "frozen_decoder", "moved", "mover",
    "bias_vector", "precision",
)  # fmt: skip
TORCH = {f"subjects/{name}.py" for name in LOADED} | {f"training/{name}.py" for name in TRAINING}
"""Modules that are loaded when a local model is, or when one is trained: they may name torch at their top."""
NAMING = ("catalogue.py", "__init__.py")
"""Files that may hold the names of modules as text."""
STILL: tuple[str, ...] = ()
"""Breaches that are left. This must become empty: a line goes with its breach, and none is added."""
MOST = 300
"""Lines of a file."""


def breaches(room: str, module: str, allowed: set[str]) -> bool:
    parts = module.split(".")
    if parts[0] != "selfscope" or len(parts) == 1:
        return False
    target = parts[1]
    if target in (room, "errors") or target in allowed:
        return False
    return ".".join(parts[1:3]) not in allowed


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_room_imports_only_what_the_plan_allows(path: Path) -> None:
    room, name = room_of(path), path.relative_to(SOURCE).as_posix()
    assert room in ROOMS, f"{name}: a room that is not in the plan"
    allowed = ROOMS[room] | EXCEPTIONS.get(name, set())
    wrong = [f"{name}:{line} imports {module}" for line, module in imports(path) if breaches(room, module, allowed)]
    assert not wrong, f"not in the import plan: {wrong}; {room} may import {sorted(allowed)}"


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_nothing_heavy_is_imported_before_it_is_used(path: Path) -> None:
    name = path.relative_to(SOURCE).as_posix()
    if name in TORCH:
        return
    heavy = [f"{name}:{line} {m}" for line, m in imports(path, top_only=True) if m.split(".")[0] in HEAVY]
    assert not heavy


def test_readers_and_phenomena_never_meet() -> None:
    for room, other in (("readers", "phenomena"), ("phenomena", "readers")):
        for path in (SOURCE / room).glob("*.py"):
            assert not [m for _, m in imports(path) if m.startswith(f"selfscope.{other}")]


def test_no_module_reaches_itself() -> None:
    """Circles in a room and between rooms: who reads one of the files has to read them all."""
    assert not circles({module: needs(tree_of(path)) for module, path in MODULES.items()})


def test_rooms_keep_their_private_names_and_import_openly() -> None:
    wrong = {f"catalogue.py has the kind {kind!r}" for kind in CATALOGUE if kind not in KINDS}
    for path in files():
        name, tree = path.relative_to(SOURCE).as_posix(), tree_of(path)
        wrong |= {f"{name} takes {taken}" for taken in private_names(tree)}
        if name not in NAMING:
            wrong |= {f"{name} names {text}" for text in named_modules(tree)}
            wrong |= {f"{name} {what}" for what in disguised(tree)}
    assert sorted(wrong - set(STILL)) == []
    assert sorted(set(STILL) - wrong) == [], "these are breaches no longer: take them out of STILL"


def too_long(root: Path) -> set[str]:
    """Files of a checkout with more than MOST lines."""
    many = [f for room in ("src", "tests", "examples", "studies", "benchmarks") for f in (root / room).rglob("*.py")]
    return {f.relative_to(root).as_posix() for f in many if len(f.read_text(encoding="utf-8").splitlines()) > MOST}


def test_no_file_is_too_long() -> None:
    assert sorted(too_long(Path(__file__).parents[1])) == []


def test_a_long_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for name, lines in (("long", MOST + 1), ("short", MOST)):
        (tmp_path / "src" / f"{name}.py").write_text("x = 1\n" * lines)
    assert too_long(tmp_path) == {"src/long.py"}


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    typed = ast.parse("if TYPE_CHECKING:\n    from selfscope.subjects.local import Local")
    assert needs(typed) == {"selfscope.subjects.local"}
    inner = ast.parse("def f():\n    from selfscope.subjects import white_box")
    assert needs(inner) == {"selfscope.subjects.white_box"}


def test_a_private_name_of_another_file_is_seen() -> None:
    for line in (
        "from selfscope.readers.patchscope import _hit",
        "from selfscope.readers import patchscope\npatchscope._hit(1)",
        "from selfscope.readers import patchscope as p\nx = p._hit",
        "import selfscope.readers.patchscope\nselfscope.readers.patchscope._hit",
    ):
        assert private_names(ast.parse(line)) == {"selfscope.readers.patchscope._hit"}, line
    assert not private_names(ast.parse("from selfscope.readers import patchscope\npatchscope.__name__\nself._hit"))


def test_an_import_in_disguise_is_seen() -> None:
    assert named_modules(ast.parse("f('selfscope.readers.probe:Probe')")) == {"selfscope.readers.probe:Probe"}
    assert named_modules(ast.parse("x = 'selfscope.readers.probe'")) == {"selfscope.readers.probe"}
    assert not named_modules(ast.parse("x = 'selfscope.readers.nothing:Probe', 'selfscope', 'selfscope card'"))
    assert disguised(ast.parse("catalogue.resolve('part', 'depths')")) == {"resolves the kind 'part'"}
    assert disguised(ast.parse("importlib.import_module(x)")) == {"calls import_module"}
    assert not disguised(ast.parse("catalogue.resolve('reader', name); Path(x).resolve()"))


def test_a_breach_is_seen() -> None:
    assert breaches("readers", "selfscope.phenomena.base", ROOMS["readers"])
    assert breaches("phenomena", "selfscope.subjects.local", ROOMS["phenomena"])
    assert breaches("report", "selfscope.study", ROOMS["report"])
    assert not breaches("phenomena", "selfscope.subjects.base", ROOMS["phenomena"])
    assert not breaches("report", "selfscope.verdicts.claims", ROOMS["report"])
