"""What the syntax trees of the house say: who imports whom, and what is taken or named behind the imports."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import selfscope

SOURCE = Path(selfscope.__file__).parent
KINDS = {"phenomenon", "reader", "control", "subject", "lesson", "decoder", "organism"}
"""What a user names: the catalogue is for these alone, and no way around the import plan."""


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
    named = []
    nodes = list(_at_load(tree)) if top_only else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            named += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            if node.module == "selfscope":
                named += [(node.lineno, f"selfscope.{alias.name}") for alias in node.names]
            elif node.module is not None:
                named.append((node.lineno, node.module))
    return named


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
