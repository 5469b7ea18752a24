"""What a verb answers, as text for people or as one JSON document for programs."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from typing import Any

from avfake.cli.process import IN_PART, OK
from avfake.verdict import Verdict


def print_json(answer: object) -> None:
    """Print a JSON document on one line of standard output."""
    print(json.dumps(plain(answer), ensure_ascii=False, allow_nan=False), flush=True)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: dataclasses as objects, tables as lists of rows, numbers
    that are none (NaN, infinite) as null, and anything unknown as its text."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # of pandas, not imported for it
        value = value.to_dict("records")
    elif hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(one) for one in value]
    return str(value)


def print_answer(text: object, facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print the text for people, or the facts for programs."""
    if as_json:
        print_json(facts)
    else:
        print(text)


def print_all(verdicts: Iterable[Verdict], *, total: int, as_json: bool) -> int:
    """Print each verdict as it comes, with a bar for several; return the exit code."""
    from avfake.parallel import progress

    failed, shares_terminal = 0, sys.stdout.isatty() and sys.stderr.isatty()
    with progress(total=total, unit="file", desc="predict", disable=total < 2) as bar:
        for verdict in verdicts:
            # On a terminal the bar makes way for the answer.
            with bar.external_write_mode() if shares_terminal else nullcontext():
                if as_json:
                    print_json(verdict)
                else:
                    print(verdict, flush=True)
            bar.update()
            failed += verdict.p_fake is None
    return IN_PART if failed else OK
