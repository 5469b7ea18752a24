"""Runs a benchmark: `python -m benchmarks NAME --flags`; without a name, lists them."""

import ast
import importlib
import sys
from pathlib import Path

import tyro

HERE = Path(__file__).parent


def benchmarks() -> dict[str, str]:
    """Return name -> first line of the docstring, for each module that has a `main`."""
    found = {}
    for path in sorted(HERE.glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").split("\n")[0]
    return found


def main(arguments: list[str]) -> int:
    known = benchmarks()
    if not arguments or arguments[0] not in known:
        if arguments and arguments[0] not in ("-h", "--help"):
            print(f"there is no benchmark {arguments[0]!r}; there are:", file=sys.stderr)
        print("\n".join(f"{name:22}{line}" for name, line in known.items()))
        return 0 if not arguments or arguments[0] in ("-h", "--help") else 2
    module = importlib.import_module(f"benchmarks.{arguments[0]}")
    prog = f"python -m benchmarks {arguments[0]}"
    module.main(tyro.cli(module.Config, description=module.__doc__, args=arguments[1:], prog=prog))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
