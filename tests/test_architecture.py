"""The house keeps its shape: imports flow one way, files and functions stay small."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "avfake"
LEAVES = {"errors", "files", "outputs", "progress", "remote", "settings"}
"""Known to every room; they know nobody."""
ALLOWED = {
    "errors": set(),
    "settings": set(),
    "files": set(),
    "remote": set(),
    "progress": set(),
    "outputs": set(),
    "surroundings": set(),
    "submission": set(),
    "verdict": set(),
    "shipped": set(),
    "media": set(),
    "models": set(),
    "train": set(),
    "stack": set(),
    "evaluate": set(),
    "cluster": set(),
    "segments": {"verdict"},
    "faces": {"media"},
    "data": {"media"},
    "clips": {"media", "faces"},
    "forge": {"media", "faces"},
    "augment": {"clips", "media", "forge", "faces"},
    "studio": {"media", "data", "forge", "cluster"},
    "annotate": {"media", "verdict"},
    "prepare": {"media", "clips", "faces", "data", "cluster", "forge"},
    "labels": {"data", "clips", "faces", "media", "cluster"},
    "audit": {"data", "clips", "faces", "media", "cluster", "evaluate"},
    "bundle": {"clips", "models", "shipped", "stack"},
    "inference": {"clips", "models", "stack"},
    "explain": {"clips", "models"},
    "figures": {"clips", "evaluate"},
    "report": {"clips", "detector", "explain", "media", "stack", "verdict"},
    "ensemble": {"bundle", "evaluate", "segments", "stack", "verdict"},
    "release": {"bundle", "ensemble", "shipped"},
    "detector": {
        "bundle",
        "ensemble",
        "inference",
        "clips",
        "faces",
        "segments",
        "shipped",
        "stack",
        "verdict",
    },
    "score_table": {"cluster"},
    "score": {
        *("cluster", "data", "detector", "ensemble", "media"),
        *("score_table", "submission", "verdict"),
    },
    "card": {"bundle", "ensemble", "evaluate", "stack", "stress"},
    "assembly": {
        "augment",
        "bundle",
        "card",
        "clips",
        "cluster",
        "data",
        "detector",
        "ensemble",
        "evaluate",
        "figures",
        "inference",
        "models",
        "prepare",
        "stack",
        "train",
        "verdict",
    },
    "stress": {"augment", "bundle", "clips", "data", "evaluate", "media", "score"},
    "doctor": {"clips", "cluster", "faces", "media", "models"},
    "cli": None,
    "__main__": None,
    "__init__": None,
}
"""Room -> rooms it may import; None = any."""
FILES = sorted(PACKAGE.rglob("*.py")) + sorted((ROOT / "recipes").rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(tree: ast.AST) -> set[str]:
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    names = [
        f"avfake.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "avfake"
        for alias in node.names
        if not alias.name.startswith("__")
    ]
    return {m.split(".")[1] for m in modules + names if m.startswith("avfake.")}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_a_room_imports_only_from_rooms_above_it(path: Path) -> None:
    room = room_of(path)
    assert room in ALLOWED, f"{room} has no line in ALLOWED and docs/architecture.md"
    allowed = ALLOWED[room]
    if allowed is not None:
        assert imported_rooms(ast.parse(path.read_text())) - {room} <= allowed | LEAVES


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ""
            length = node.end_lineno - node.lineno + 1 - len(docstring.splitlines())
            assert length <= 50, f"{node.name} has {length} lines"
            positional = [a.arg for a in node.args.posonlyargs + node.args.args]
            assert len([a for a in positional if a not in ("self", "cls")]) <= 5, node.name


def test_no_room_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc", "core"}
    assert not {path.stem for path in FILES} & drawers
