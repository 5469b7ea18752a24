"""Damage to tables, JSON and YAML: to their text, or to one of their values.

damaged, name = mutate_text(content, ".json", random.Random(3))
"""

import csv
import io
import json
import random
from collections.abc import Callable
from typing import Any

import yaml

from benchmarks.mutations import cut, drop_piece, flip_bits, move_piece, repeat_piece

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 10**400, 1e308, -1e-308, 0.5),
    *(float("nan"), float("inf"), "", " ", "nan", "1e999", "0x10", "true", "no", "\0", "\ud800"),
    *("../../etc/passwd", "/etc/passwd", "C:\\x", "a" * 70_000, "é́\u202e", "%s%n", "{0.__class__}"),
    *([], {}, [None], [[]], {"": None}, {"a": {"b": []}}, [1, "a"], "0:1:face", "(a+)+$", "**/*"),
)
"""What may stand where something else is expected."""
ATTACKS = (
    b"",
    b"\xef\xbb\xbf",
    b"\xff\xfe\x00\x00",
    b"\x80\x81\xfe",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"- " * 20_000,
    b"{a: " * 5_000,
    b"'" * 1000,
    b"!!python/object/apply:os.system ['true']",
    b"a: &a [x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c]",
    b"? [a, b]\n: c",
    b"\n".join(b"k%d: v" % n for n in range(20_000)),
    b'"' + b"a" * 300_000,
    b"a,b\n1,2,3\n",
    b"clip_id,clip_id\n1,1\n",
    b"null",
    b"3",
    b"2001-01-01",
    b"true",
    b'"text"',
    b"[]",
    b"{}",
    b"NaN",
    b"1" * 6000,
)
"""Whole files."""


def change_value(tree: Any, rng: random.Random) -> Any:
    """Return the tree with one value replaced, left out, renamed or moved one level down."""
    positions = list(_positions(tree))
    if not positions:
        return rng.choice(VALUES)
    holder, key = rng.choice(positions)
    way = rng.randrange(5)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[str(rng.choice(VALUES))[:80]] = holder.pop(key)
    elif way == 2:
        other, at = rng.choice(positions)
        if at in other if isinstance(other, dict) else at < len(other):
            holder[key] = json.loads(json.dumps(other[at], default=str))
    else:
        holder[key] = rng.choice(VALUES)
    return tree


def _positions(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if _is_list(tree) else []
    for key in keys:
        found += [(tree, key), *_positions(tree[key])]
    return found


def _is_list(tree: Any) -> bool:
    return isinstance(tree, list)


def change_json(content: bytes, rng: random.Random) -> bytes:
    """Change values of a JSON text, of one line of it, if each line is one."""
    text = content.decode(errors="replace")
    try:
        tree, lines, at = json.loads(text), [], 0
    except ValueError:
        lines = text.splitlines()
        at = rng.randrange(len(lines))
        tree = json.loads(lines[at])
    for _ in range(rng.choice((1, 1, 2, 4))):
        tree = change_value(tree, rng)
    changed = json.dumps(tree)
    if lines:
        lines[at] = changed
        changed = "\n".join(lines)
    return changed.encode()


def change_yaml(content: bytes, rng: random.Random) -> bytes:
    """Change values of a YAML text."""
    tree = yaml.safe_load(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        tree = change_value(tree, rng)
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode(
        "utf-8", errors="surrogatepass"
    )


def change_csv(content: bytes, rng: random.Random) -> bytes:
    """Change cells, rows or columns of a table."""
    rows = list(csv.reader(io.StringIO(content.decode(errors="replace"))))
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.choice((0, rng.randrange(len(rows))))
        way = rng.randrange(6)
        if way == 0 and len(rows) > 1:
            rows.pop(at)
        elif way == 1:
            rows.insert(at, list(rng.choice(rows)))
        elif way == 2 and rows[at]:
            rows[at].pop(rng.randrange(len(rows[at])))
        elif way == 3 and rows[0]:
            column = rng.randrange(len(rows[0]))
            for row in rows:
                del row[column : column + 1]
        elif rows[at]:
            rows[at][rng.randrange(len(rows[at]))] = str(rng.choice(VALUES))
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", errors="surrogatepass")


BY_ENDING: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": change_json,
    ".jsonl": change_json,
    ".yaml": change_yaml,
    ".csv": change_csv,
}
BYTES = (flip_bits, cut, drop_piece, repeat_piece, move_piece)


def mutate_text(content: bytes, ending: str, rng: random.Random) -> tuple[bytes, str]:
    """Return the damaged content, and the name of the change."""
    draw = rng.random()
    if draw < 0.1:
        return rng.choice(ATTACKS), "attack"
    if draw < 0.7 and content and ending in BY_ENDING:
        change = BY_ENDING[ending]
        try:
            return change(content, rng), change.__name__
        except (ValueError, TypeError, KeyError, yaml.YAMLError):  # what it cannot write
            pass
    harm = rng.choice(BYTES)
    return bytes(harm(bytearray(content or b"\x00"), rng)), harm.__name__
