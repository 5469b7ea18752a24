"""Hooks of the docs site: pages made of files that lie elsewhere, and links between them.

Pages of the site without a file of their own in docs/: the README files (home, recipes, data specs,
default detector), the changelog, the notebooks, and the API reference, one page a package, with the
names that its `__init__` exports.
"""

import ast
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "recipes/README.md": "recipes.md",
    "data_specs/README.md": "specs.md",
    "avfake/default_detector/README.md": "default_detector.md",
}
"""File of the repository -> page of the site."""
SOURCES = {page: source for source, page in ELSEWHERE.items()}
HEADERS = {"index.md": "---\nhide: [navigation]\n---\n"}
PERFORMANCE = {"Performance": "performance.md"}
IMAGE = re.compile(r'(<img src=")docs/')
"""A picture of the README with a width, for which Markdown has no sign."""
LINK = re.compile(r"(!?)\[((?:[^\[\]\\]|\\.)*)\]\(([^()\s]+)\)")
CODE = re.compile(r"^(```.*?^```|(?:    [^\n]*\n)+)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages that depend on what is there."""
    assert config.nav is not None
    sections = {name: pages for entry in config.nav for name, pages in entry.items()}
    if (ROOT / "docs" / "performance.md").is_file():
        sections["Measure"].insert(1, PERFORMANCE)
    reference = [{name: f"reference/{name}.md"} for name in packages()]
    sections["Reference"].append({"API": reference})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of other files."""
    for source, page in ELSEWHERE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=HEADERS.get(page, "") + headless(text)))
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        page = f"notebooks/{path.stem}.md"
        files.append(File.generated(config, page, content=notebook_page(path)))
    for name in packages():
        content = reference_page(name)
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite links to other files of the repository as links to their pages."""
    here = page.file.src_uri
    source = SOURCES.get(here, f"docs/{here}")
    markdown = IMAGE.sub(r"\1", markdown)
    return "".join(
        part if is_code else LINK.sub(lambda link: rewritten(link, source, here), part)
        for part, is_code in parts_of(markdown)
    )


def parts_of(markdown: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of a page, and whether each is a block of code."""
    for number, part in enumerate(CODE.split(markdown)):
        yield part, number % 2 == 1


def rewritten(link: re.Match[str], source: str, page: str) -> str:
    """Return a link of `source` as it must stand on `page`; what has no page becomes a path."""
    mark, text, target = link.groups()
    path, hash_sign, anchor = target.partition("#")
    if "://" in target or target.startswith("mailto:") or not path:
        return link[0]
    wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if wanted in ELSEWHERE:
        wanted = f"docs/{ELSEWHERE[wanted]}"
    if not wanted.startswith("docs/"):
        return text if text.strip("`") == wanted else f"{text} (`{wanted}`)"
    folder = posixpath.dirname(f"docs/{page}")
    return f"{mark}[{text}]({posixpath.relpath(wanted, folder)}{hash_sign}{anchor})"


def headless(text: str) -> str:
    """Return the text without the YAML header that the Hub reads."""
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)


def notebook_page(path: Path) -> str:
    """Return the cells of a notebook as Markdown, with a link to the notebook itself."""
    pieces = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        pieces.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    title, *rest = pieces
    download = f"This page is [a notebook]({path.name}); run it to see what it prints."
    return "\n\n".join([title, download, *rest]) + "\n"


def packages() -> list[str]:
    """Return the modules and packages of avfake, whose names are for others."""
    found = [*(ROOT / "avfake").glob("*/__init__.py"), *(ROOT / "avfake").glob("*.py")]
    names = {path.parent.name if path.name == "__init__.py" else path.stem for path in found}
    return sorted(names - {"avfake", "__init__", "__main__", "environment", "cli"})


def reference_page(name: str) -> str:
    """Return a page with the module's docstring and every name that it exports."""
    package = ROOT / "avfake" / name / "__init__.py"
    tree = ast.parse((package if package.is_file() else ROOT / "avfake" / f"{name}.py").read_text())
    exported = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    defined = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    names = sorted(exported[0] if exported else defined)
    lines = [f"# avfake.{name}", ast.get_docstring(tree) or ""]
    return "\n\n".join([*lines, *(f"::: avfake.{name}.{one}" for one in names)]) + "\n"
