"""The import plan of the house, read from the syntax tree: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import selfscope

SOURCE = Path(selfscope.__file__).parent
EVERY = {
    "records", "errors", "statistics", "quantities", "parsing", "wording", "scoring", "store", "subjects", "phenomena",
    "readers", "controls", "directions", "verdicts", "study", "report", "catalogue", "tables", "api", "cli",
}  # fmt: skip
ROOMS: dict[str, set[str]] = {
    "records": set(),
    "errors": set(),
    "statistics": set(),
    "catalogue": set(),
    "tables": set(),
    "parsing": {"records"},
    "wording": {"records"},
    "scoring": {"records"},
    "quantities": {"records", "parsing"},
    "store": {"records", "tables"},
    "subjects": {"records"},
    "directions": set(),
    "phenomena": {"directions", "records", "parsing", "quantities", "statistics", "subjects.base"},
    "readers": {"directions", "records", "parsing", "quantities", "wording", "scoring", "statistics", "subjects.base"},
    "controls": {"records", "quantities", "wording"},
    "verdicts": {"records", "statistics"},
    "study": {
        "records", "scoring", "store", "catalogue", "subjects.base", "subjects.sealed", "phenomena.base",
        "readers.base", "controls.base", "wording.formats",
    },
    "report": {"records", "statistics", "verdicts", "store", "tables"},
    "api": EVERY - {"cli"},
    "cli": EVERY,
    "__init__": EVERY - {"cli"},
    "__main__": {"cli"},
}  # fmt: skip
EXCEPTIONS = {"subjects/phantom.py": {"quantities"}}
"""A phantom has to know what its own answers are like."""
HEAVY = {"torch", "transformers", "scipy", "peft", "safetensors", "pandas", "duckdb"}
LOADED = (
    "local", "blocks", "capture", "cascade", "decode", "inject", "gumbel_sampling", "bundled_models", "model_report",
    "onednn_linear", "prefix_trees", "rollout", "white_box",
)  # fmt: skip
TORCH = {f"subjects/{name}.py" for name in LOADED}
"""Modules that are loaded when a local model is: they may name torch at their top."""


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return parts[0]


def imports(path: Path, *, top_only: bool = False) -> list[tuple[int, str]]:
    """(line, dotted module) of every import; with `top_only` those that run when the module is loaded."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    nodes = list(_at_load(tree)) if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module == "selfscope":
                found += [(node.lineno, f"selfscope.{alias.name}") for alias in node.names]
            elif node.module is not None:
                found.append((node.lineno, node.module))
    return found


def _at_load(tree: ast.AST) -> list[ast.AST]:
    """Statements that run on import: not inside functions, not under TYPE_CHECKING."""
    out: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        out.append(node)
        out += _at_load(node)
    return out


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


def test_a_breach_is_seen() -> None:
    assert breaches("readers", "selfscope.phenomena.base", ROOMS["readers"])
    assert breaches("phenomena", "selfscope.subjects.local", ROOMS["phenomena"])
    assert breaches("report", "selfscope.study", ROOMS["report"])
    assert not breaches("phenomena", "selfscope.subjects.base", ROOMS["phenomena"])
    assert not breaches("report", "selfscope.verdicts.claims", ROOMS["report"])
