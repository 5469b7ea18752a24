"""From one table of a spec's YAML to a `TableSpec`."""

from avfake.datasets.document import Document
from avfake.datasets.sections import Section
from avfake.datasets.spec import FORMATS, TableSpec
from avfake.datasets.values import as_text


def table_spec(name: str, section: Section) -> TableSpec:
    """The table that a section describes. Raises SpecError."""
    renames = section.section("rename")
    where = section.section("where")
    delimiter = section.filled(section.text("delimiter", ","))
    spec = TableSpec(
        name=name,
        globs=section.globs("file"),
        file_regex=section.regex("file_regex"),
        format=section.choice("format", FORMATS),
        first_found=section.flag("first_found"),
        at=section.text("at") if section.has("at") else None,
        delimiter="\t" if delimiter == "tab" else delimiter,
        encoding=section.text("encoding", "utf-8-sig"),
        quoting=section.flag("quoting", True),
        header=section.choice("header", ("true", "false", "skip"), "true"),
        columns=section.texts("columns"),
        rename={new: section.filled(as_text(renames.raw(new)) or "") for new in renames.values},
        key=section.expression("key") if section.has("key") else None,
        duplicate=section.choice("duplicate", ("error", "first", "last"), "error"),
        where={column: where.texts(column) for column in where.values},
        require=section.texts("require"),
        optional=section.flag("optional"),
    )
    if not spec.globs:
        section.fail("needs the path or glob of the table", "file")
    if len(spec.delimiter) != 1:
        section.fail(f"must be one character or 'tab', got {delimiter!r}", "delimiter")
    if spec.format == "csv" and spec.header != "true" and not spec.columns:
        section.fail("without a header the columns need names", "columns")
    section.close()
    return spec


def list_table(name: str, glob: str, format_name: str) -> TableSpec:
    """The table that a split list is: a file of keys."""
    values = {"file": glob, "format": format_name}
    return table_spec(name, Section(Document(glob, values, {}), (), values))
