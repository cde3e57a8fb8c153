"""The import plan of the house, read from the syntax tree: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

import selfscope
from selfscope.catalogue import CATALOGUE

SOURCE = Path(selfscope.__file__).parent
EVERY = {
    "records", "errors", "statistics", "quantities", "parsing", "wording", "scoring", "store", "subjects", "phenomena",
    "readers", "controls", "directions", "verdicts", "study", "report", "catalogue", "api", "cli",
}  # fmt: skip
ROOMS: dict[str, set[str]] = {
    "records": set(),
    "errors": set(),
    "statistics": set(),
    "catalogue": set(),
    "parsing": {"records"},
    "wording": {"records"},
    "scoring": {"records"},
    "quantities": {"records", "parsing"},
    "store": {"records"},
    "subjects": {"records"},
    "directions": set(),
    "phenomena": {"directions", "records", "parsing", "quantities", "statistics", "subjects.base"},
    "readers": {"directions", "records", "parsing", "quantities", "wording", "scoring", "statistics", "subjects.base"},
    "controls": {"records", "quantities", "wording"},
    "verdicts": {"records", "statistics"},
    "study": {
        "records", "scoring", "store", "catalogue", "subjects.base", "subjects.sealed", "phenomena.base",
        "readers.base", "controls.base",
    },
    "report": {"records", "statistics", "verdicts", "store"},
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
KINDS = {"phenomenon", "reader", "control", "subject"}
"""What a user names: the catalogue is for these alone, and no way around the table above."""
NAMING = ("catalogue.py", "__init__.py")
"""Files that may hold the names of modules as text."""
STILL = (
    "readers/logit_lens.py takes selfscope.readers.patchscope._hit",
    "wording/direct.py takes selfscope.wording.prompts._candidates",
    "wording/direct.py takes selfscope.wording.prompts._fields",
    "wording/direct.py takes selfscope.wording.prompts._first",
    "wording/direct.py takes selfscope.wording.prompts._fresh_around",
    "wording/direct.py takes selfscope.wording.prompts._noun",
    "wording/direct.py takes selfscope.wording.prompts._phrase_of",
    "wording/direct.py takes selfscope.wording.prompts._running_text",
    "wording/direct.py takes selfscope.wording.prompts._tag",
    "study/plan.py resolves the kind 'part'",
    "catalogue.py has the kind 'part'",
)
"""Breaches that are left. This must become empty: a line goes with its breach, and none is added."""


def files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return parts[0]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_of(path: Path) -> str:
    """Its dotted name."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in files()}


def imports(path: Path, *, top_only: bool = False) -> list[tuple[int, str]]:
    """(line, dotted module) of every import; with `top_only` those that run when the module is loaded."""
    tree = tree_of(path)
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


def needs(tree: ast.AST) -> set[str]:
    """Modules of the house that a module names in any import: in functions and under TYPE_CHECKING too."""
    wanted = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            wanted |= {name if name in MODULES else node.module for name in names}
    return wanted & set(MODULES)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Modules that reach themselves, those of one circle together."""
    reach = {module: set(nearest) for module, nearest in graph.items()}
    for middle in graph:
        for module in graph:
            if middle in reach[module]:
                reach[module] |= reach[middle]
    rounds = {tuple(sorted(m for m in graph if m in reach[k] and k in reach[m])) for k in graph}
    return [list(many) for many in sorted(rounds) if many]


def private_names(tree: ast.AST) -> set[str]:
    """Names with an underscore that a file takes from another file of the house."""
    taken, known = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "selfscope":
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                known[alias.asname or alias.name] = name
                if _private(alias.name):
                    taken.add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _private(node.attr):
            module = known.get(ast.unparse(node.value), "")
            if module in MODULES:
                taken.add(f"{module}.{node.attr}")
    return taken


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def named_modules(tree: ast.AST) -> set[str]:
    """Texts that are the name of a module of the house, alone or with an object of it behind a colon."""
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return {text for text in texts if text.partition(":")[0] in MODULES and "." in text}


def disguised(tree: ast.AST) -> set[str]:
    """Imports that the table does not see: of the import machinery, or of a kind that no user names."""
    out = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in ("import_module", "__import__"):
            out.add(f"calls {name}")
        first = node.args[0] if node.args else None
        if name == "resolve" and isinstance(first, ast.Constant) and first.value not in KINDS:
            out.add(f"resolves the kind {first.value!r}")
    return out


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
