"""The words of code and documents are those of docs/glossary.md."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
FOLDERS = ("avfake", "recipes", "benchmarks", "docs")
ENDINGS = {".py", ".md", ".html", ".jinja"}
ALLOWED = re.compile(
    r"""
    \.view\( | \bview_as | view_as_\w+ | memoryview | sliding_window_view   # NumPy and PyTorch
    | \b(np|torch)\.eye\b
    | \b(left|right|both|two|the|outer|his|her)[ _]eyes? | \beyes?[ _](corner|line|socket)\w*
    | eyes,[ ](the[ ])?nose | nose,[ ]eyes | \beyes?[ ](and|to)[ ] | (?<=landmarks:[ ])eyes
    | room[ _-]impulse | impulse[ _-]responses?[ ]of[ ]a?[ ]?room | live[ ]room
    | time[ _-]?stretch\w* | phase_vocoder\w* | decimal[ ]places
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Exceptions: names of libraries, parts of a face, acoustics."""
FACES = (
    *("avfake/studio", "avfake/faces", "avfake/forgery/faces_in_place.py"),
    *("avfake/augment/picture/cutouts.py", "avfake/models/mouth.py"),
)
"""Files about faces, whose parts are eyes and ears."""
NOT_YET = {
    "avfake/clips": "the key of a hash that existing clips hold",
    "avfake/forgery": "stretch_frequency",
    "avfake/training": "judged",
}
"""Packages that still hold such words; to be emptied."""


def banned() -> dict[str, str]:
    """Return each word of the second table of the glossary, with what to say instead."""
    table = GLOSSARY.read_text(encoding="utf-8").split("| not | say |")[1]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:] if line[:1] == "|"]
    return {word: instead for words, instead in rows for word in words.split(", ")}


def findings(text: str, *, is_face: bool = False) -> Iterator[tuple[int, str]]:
    """Yield (line, banned word), named exceptions left out; is_face: parts of a face, too."""
    word = re.compile(rf"(?<![a-z])({'|'.join(banned())})(?![a-z])", re.IGNORECASE)
    for number, line in enumerate(text.splitlines(), start=1):
        for found in word.findall(ALLOWED.sub("", line)):
            if not (is_face and found.lower() in ("eye", "eyes", "ear", "ears")):
                yield number, found.lower()


def files() -> Iterator[Path]:
    yield from (ROOT / "README.md", ROOT / "SECURITY.md")
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in ENDINGS and path != GLOSSARY and "__pycache__" not in path.parts:
                yield path


def problems_of(path: Path) -> list[str]:
    """Return a line for each banned word of a file."""
    name, sayings = str(path.relative_to(ROOT)), banned()
    found = findings(path.read_text(encoding="utf-8"), is_face=name.startswith(FACES))
    return [f"{name}:{line}: {word}: say {sayings[word]}" for line, word in found]


def owner_of(path: Path) -> str:
    """Return the package of avfake, or the top folder, that a file belongs to."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2]) if parts[0] == "avfake" else parts[0]


def test_no_file_uses_a_banned_word() -> None:
    problems = [
        problem
        for path in files()
        if owner_of(path) not in NOT_YET
        for problem in problems_of(path)
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x.view(3), memoryview(b), sliding_window_view(x, 2)", []),
        ("by_view = views_of(x)", ["view", "views"]),
        ("a room impulse response, a time stretch", []),
        ("The rooms; judge_on, worn_clips", ["rooms", "judge", "worn"]),
        ("rearview, eyesight, broadcast, preview, ladders", []),
        ("np.eye(3); with our own eyes", ["eyes"]),
        ("landmarks: eyes, nose, corners of the mouth", []),
    ],
)
def test_the_scan_is_precise(text: str, words: list[str]) -> None:
    assert [word for _, word in findings(text)] == words
