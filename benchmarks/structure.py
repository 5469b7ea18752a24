"""Measure how the library is built: packages, files, lines, imports, names, settings.

    python -m benchmarks structure                  # this checkout, beside the kept rows
    python -m benchmarks structure --keep "after"   # and keep a row of it

Nothing is imported: the code is read as text. `__init__`, `__main__` and the shipped weights are
not counted among the entries of `avfake/`; an edge is one package or module that imports another.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "avfake"
KEPT = ROOT / "benchmarks" / "results" / "structure.csv"
MAX_PARAMETERS = 8
NOT_COUNTED = {"__init__", "__main__", "default_detector", "__pycache__"}


def measure() -> dict[str, int]:
    """Return name -> count for the checkout that this file lies in."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
    edges = {
        (entry_of(path), target)
        for path, tree in trees.items()
        for target, _ in imports_of(tree)
        if target != entry_of(path)
    }
    inner = {(a, b) for a, b in edges if not {a, b} & NOT_COUNTED}
    classes = [c for tree in trees.values() for c in ast.walk(tree) if isinstance(c, ast.ClassDef)]
    configs = {c.name: c for c in classes if c.name.endswith("Config")}
    return {
        "packages": len([p for p in PACKAGE.iterdir() if (p / "__init__.py").is_file()]),
        "modules": len([p for p in PACKAGE.glob("*.py") if p.stem not in NOT_COUNTED]),
        "files": len(trees),
        "code_lines": sum(code_lines(path.read_text(), tree) for path, tree in trees.items()),
        "edges": len(inner),
        "depth": depth(inner),
        "in_circles": len(in_circles(inner)),
        "exported_names": sum(len(exported(tree)) for tree in trees.values()),
        "config_classes": len(configs),
        "leaf_options": sum(len(leaf_options(c, configs)) for c in configs.values()),
        "imports_past_init": sum(past_init(path, tree) for path, tree in trees.items()),
        "functions_over_8_parameters": sum(
            len(parameters(f)) > MAX_PARAMETERS
            for path, tree in trees.items()
            if entry_of(path) != "cli"
            for f in ast.walk(tree)
            if isinstance(f, ast.FunctionDef)
        ),
    }


def entry_of(path: Path) -> str:
    """Return the name of the package or module of `avfake/` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (entry of avfake, whole dotted module) for each import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "avfake":
            modules = [f"avfake.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            parts = module.split(".")
            if parts[0] == "avfake" and len(parts) > 1 and not parts[1].startswith("__"):
                yield parts[1], module


def past_init(path: Path, tree: ast.AST) -> int:
    """Return how many imports reach into a file of another package."""
    return sum(
        entry != entry_of(path) and module.count(".") > 1 for entry, module in imports_of(tree)
    )


def exported(tree: ast.Module) -> list[str]:
    """Return the names in `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return [
                str(ast.literal_eval(e)) for e in node.value.elts if isinstance(e, ast.Constant)
            ]
    return []


def leaf_options(config: ast.ClassDef, configs: dict[str, ast.ClassDef]) -> list[str]:
    """Return the fields of a config that are no configs themselves."""
    fields = [
        n for n in config.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    ]
    return [
        field.target.id  # type: ignore[union-attr]
        for field in fields
        if not any(
            isinstance(part, ast.Name) and part.id in configs for part in ast.walk(field.annotation)
        )
    ]


def parameters(function: ast.FunctionDef) -> list[str]:
    """Return the names of a function's parameters, without self and cls."""
    every = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [argument.arg for argument in every if argument.arg not in ("self", "cls")]


def code_lines(text: str, tree: ast.AST) -> int:
    """Return the lines that hold code: no blank ones, comments or docstrings."""
    strings = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    documented = {n for s in strings for n in range(s.lineno, (s.end_lineno or s.lineno) + 1)}
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in documented
        for number, line in enumerate(text.splitlines(), start=1)
    )


def depth(edges: set[tuple[str, str]]) -> int:
    """Return the longest chain of imports; circles count once."""
    longest: dict[str, int] = {}

    def of(name: str, seen: frozenset[str]) -> int:
        if name not in longest:
            below = [b for a, b in edges if a == name and b not in seen]
            longest[name] = 1 + max((of(b, seen | {b}) for b in below), default=0)
        return longest[name]

    return max((of(a, frozenset({a})) for a, _ in edges), default=0)


def in_circles(edges: set[tuple[str, str]]) -> set[str]:
    """Return the entries that import themselves by way of others."""
    reach = {a: {b for x, b in edges if x == a} for a, _ in edges}
    for _ in reach:
        reach = {
            a: found | {c for b in found for c in reach.get(b, ())} for a, found in reach.items()
        }
    return {a for a, found in reach.items() if a in found}


@dataclass(frozen=True)
class Config:
    """What is kept."""

    keep: str = ""
    """Name of a row of this checkout, to be kept."""


def main(config: Config) -> None:
    kept = pd.read_csv(KEPT) if KEPT.is_file() else pd.DataFrame()
    name = config.keep
    table = pd.concat([kept, pd.DataFrame([{"state": name or "this checkout"} | measure()])])
    print(table.set_index("state").T.to_string())
    if name:
        table.to_csv(KEPT, index=False)
