"""Names of a package that are imported when they are first used (PEP 562).

One answer needs few of the modules; all of them, with pandas, SciPy and what else they import, take
longer to import than the answer takes.
"""

import importlib
from collections.abc import Callable, Mapping


def names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a package.

    homes: module, relative to the package unless it has its name -> the names in it, with spaces
        between them
    """
    found = {name: home for home, listed in homes.items() for name in listed.split()}

    def get(name: str) -> object:
        if name not in found:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f".{found[name]}", package), name)

    return get
