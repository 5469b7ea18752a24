"""Nothing that is read is run: no call of the source unpickles, evaluates or asks a shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [
    path for folder in ("avfake", "recipes", "benchmarks") for path in (ROOT / folder).rglob("*.py")
]
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
HARMLESS = {("pickle", "UnpicklingError")}
"""An exception, to be caught; nothing is read with it."""
RUNS = {
    *("eval", "exec", "compile", "__import__"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("pandas.read_pickle", "pd.read_pickle", "pickle.load", "pickle.loads", "torch.hub.load"),
    *("torch.hub.load_state_dict_from_url", "torch.jit.load", "torch.package.PackageImporter"),
    *("yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "yaml.unsafe_load_all"),
    *("xml.etree.ElementTree.parse", "shutil.unpack_archive"),
}
"""Calls that run what they are given, or unpack it wherever it says."""
METHODS = {"extractall", "extract"}
"""Methods of archives: they write where a member says."""
SAFE_LOADERS = {"LOADER", "yaml.SafeLoader", "yaml.CSafeLoader"}
ALLOWED = {("benchmarks/network_speed.py", "__import__")}
"""(file, call): the name of a module, written in the source."""


def name_of(node: ast.expr) -> str:
    """Return the dotted name of an expression; what has none is called "?"."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def is_true(node: ast.expr | None) -> bool:
    """Return whether an argument is there and may be true."""
    return node is not None and not (isinstance(node, ast.Constant) and not node.value)


def problem_of(call: ast.Call) -> str:
    """Return what is unsafe about a call, "" for nothing."""
    name = name_of(call.func)
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in RUNS or ("." in name and name.rpartition(".")[2] in METHODS):
        return name
    if name == "torch.load":
        weights_only = given.get("weights_only")
        is_safe = isinstance(weights_only, ast.Constant) and weights_only.value is True
        return "" if is_safe else "torch.load without weights_only"
    if name.rpartition(".")[2] == "load" and is_true(given.get("allow_pickle")):
        return f"{name} with allow_pickle"
    if name == "yaml.load":
        loader = given.get("Loader", call.args[1] if len(call.args) > 1 else ast.Name("none"))
        return "" if name_of(loader) in SAFE_LOADERS else "yaml.load without a safe loader"
    if is_true(given.get("shell")):
        return f"{name} with shell"
    return f"{name} with remote code" if is_true(given.get("trust_remote_code")) else ""


def findings(source: str) -> Iterator[str]:
    """Yield what is unsafe in the text of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
            yield from (f"import {name}" for name in sorted(names & MODULES))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            names = {alias.name for alias in node.names}
            if any((node.module, name) not in HARMLESS for name in names):
                yield f"from {node.module} import {', '.join(sorted(names))}"
        elif isinstance(node, ast.Call) and (problem := problem_of(node)):
            yield problem


def test_no_source_runs_what_it_reads() -> None:
    found = {
        (str(path.relative_to(ROOT)), problem)
        for path in SOURCES
        for problem in findings(path.read_text(encoding="utf-8"))
    }
    assert found == ALLOWED


def test_the_loader_of_bundles_is_a_safe_one() -> None:
    import yaml

    from avfake.detector import folders

    safe = (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    assert issubclass(folders.LOADER, safe)
    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.getcwd []", Loader=folders.LOADER)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import pickle", "import pickle"),
        ("from pickle import loads", "from pickle import loads"),
        ("from pickle import UnpicklingError", ""),
        ("torch.load(path)", "torch.load without weights_only"),
        ("torch.load(path, weights_only=False)", "torch.load without weights_only"),
        ("torch.load(path, weights_only=True)", ""),
        ("np.load(path, allow_pickle=True)", "np.load with allow_pickle"),
        ("np.load(path, allow_pickle=False)", ""),
        ("np.load(path)", ""),
        ("yaml.load(text)", "yaml.load without a safe loader"),
        ("yaml.load(text, yaml.Loader)", "yaml.load without a safe loader"),
        ("yaml.load(text, Loader=yaml.SafeLoader)", ""),
        ("eval(text)", "eval"),
        ("network.eval()", ""),
        ("build(config).eval()", ""),
        ("subprocess.run(words, shell=True)", "subprocess.run with shell"),
        ("subprocess.run(words, shell=False)", ""),
        ("os.system(text)", "os.system"),
        ("archive.extractall(folder)", "archive.extractall"),
    ],
)
def test_the_scan_is_precise(source: str, problem: str) -> None:
    assert list(findings(source)) == ([problem] if problem else [])
