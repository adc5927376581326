"""The page of Python names, made of the docstrings and signatures of the public names.

The names are those of greenload.__all__. The sources are read, not imported, so the page is the same on each Python.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 68  # of a line in a block that need not be scrolled
HEAD = """\
# Python names

What `from greenload import ...` offers, with the signatures and docstrings that stand in the code: this page is made of
them, by `docs/make_reference/`. How the names work together is on the page [Scenario](scenario.md).
"""


def page() -> str:
    """Return the page as it should be now."""
    return "\n".join([HEAD, *(section(name, home) for name, home in sorted(homes().items(), key=_alphabetical))])


def homes() -> dict[str, Path]:
    """Return in which file each public name is defined."""
    tree = ast.parse((ROOT / "greenload" / "__init__.py").read_text())
    modules = next(ast.literal_eval(each.value) for each in tree.body if _is_assignment_to(each, "_HOME"))
    return {name: ROOT / (module.replace(".", "/") + ".py") for name, module in modules.items()}


def section(name: str, home: Path) -> str:
    """Return what the page says of one name."""
    [definition] = [
        each
        for each in ast.parse(home.read_text()).body
        if isinstance(each, (ast.ClassDef, ast.FunctionDef)) and each.name == name and not _is_overload(each)
    ]
    if isinstance(definition, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in definition.bases)
        head = f"class {name}({bases})" if bases else f"class {name}"
        lines = [head, *_indented(documented(definition)), *members(definition)]
    else:
        lines = [*signature(definition), *_indented(documented(definition))]
    return "\n".join([f"## `{name}`", "", "```text", *lines, "```", ""])


def members(definition: ast.ClassDef) -> list[str]:
    """Return the lines about what a class has that does not begin with an underscore."""
    lines: list[str] = []
    for each in definition.body:
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_") and not _is_setter(each):
            shown = [attribute(each)] if _is_property(each) else signature(each)
            lines += ["", *_indented([*shown, *_indented(documented(each))])]
    return lines


def signature(function: ast.FunctionDef) -> list[str]:
    """Return how a function is called, as people write it: without self, and with room around a default."""
    arguments = re.sub(r"(?<! )=(?! )", " = ", ast.unparse(function.args))
    line = f"{function.name}({re.sub(r'^self(, )?', '', arguments)}){_returned(function, ' -> ')}"
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * 8, break_on_hyphens=False)


def attribute(function: ast.FunctionDef) -> str:
    """Return what a property is called, and its type."""
    return function.name + _returned(function, ": ")


def documented(definition: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """Return the docstring in lines that fit the page."""
    paragraphs = inspect.cleandoc(ast.get_docstring(definition) or "").split("\n\n")
    return [line for each in paragraphs for line in ["", *_fitted(each.splitlines())]][1:]


def _fitted(lines: list[str]) -> Iterator[str]:
    """Yield a paragraph in lines that fit the page; a table (name, two spaces, what it is) by rows, code as it is."""
    heads = [re.match(r"[\w, ]*\w  +(?=\S)", line) for line in lines]
    if all(heads):
        for line, head in zip(lines, heads, strict=True):
            yield from textwrap.wrap(line, WIDTH, subsequent_indent=" " * len(head[0]))
    elif any(line.startswith(" ") for line in lines):
        yield from lines
    else:
        yield from textwrap.wrap("\n".join(lines), WIDTH)


def _returned(function: ast.FunctionDef, before: str) -> str:
    return f"{before}{ast.unparse(function.returns)}" if function.returns else ""


def _alphabetical(entry: tuple[str, Path]) -> str:
    return entry[0].lower()


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def _decorators(function: ast.ClassDef | ast.FunctionDef) -> list[str]:
    return [ast.unparse(each) for each in function.decorator_list]


def _is_overload(definition: ast.ClassDef | ast.FunctionDef) -> bool:
    return "overload" in _decorators(definition)


def _is_property(function: ast.FunctionDef) -> bool:
    return not {"property", "cached_property"}.isdisjoint(_decorators(function))


def _is_setter(function: ast.FunctionDef) -> bool:
    return any(each.endswith(".setter") for each in _decorators(function))


def _is_assignment_to(statement: ast.stmt, name: str) -> bool:
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name
