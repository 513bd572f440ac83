"""What code says apart from its comments, and which files a file imports."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path


@cache
def meaning(file: Path) -> str:
    """SHA-256 of the syntax tree of a Python file: comments, docstrings and layout change nothing.

    Raises SyntaxError, which names the file, for what is no Python.
    """
    tree = _tree(file)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            # A text that nobody takes: a docstring, also one below an attribute.
            node.body = [part for part in node.body if not _is_text(part)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def used(files: Iterable[Path], root: Path) -> list[Path]:
    """The ``files`` and all that they import, directly or not, of what is not installed; sorted.

    Looked for are modules below ``root`` and, for a file that lies elsewhere, beside its package.
    """
    todo, found = list(files), set()
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += imported(file, root)
    return sorted(found)


@cache
def imported(file: Path, root: Path) -> tuple[Path, ...]:
    """The files that a file imports, the ``__init__`` files above them included."""
    package = _package(file, root)
    found: list[Path] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names = [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [(node.level, base)]
            names += [(node.level, f"{base}.{alias.name}".strip(".")) for alias in node.names]
        else:
            continue
        for level, name in names:
            # So many dots are as many folders up, the first of them the file's own.
            own = file.parents[level - 1] if level else None
            for above in [own] if own else dict.fromkeys((root, package)):
                found += _files(above, name.split(".") if name else [])
    return tuple(dict.fromkeys(found))


def _files(above: Path, parts: list[str]) -> list[Path]:
    """The files of the module ``parts`` in the folder ``above``, as far as there are any."""
    stems = [above.joinpath(*parts[: i + 1]) for i in range(len(parts))]
    files = [stem / "__init__.py" for stem in stems]
    if stems:
        files.append(stems[-1].with_name(stems[-1].name + ".py"))
    return [file for file in files if file.is_file()]


def _package(file: Path, root: Path) -> Path:
    """The folder that the package of a file lies in; ``root`` for what lies below it."""
    if file.is_relative_to(root) or not file.is_absolute():
        return root
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes(), str(file))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
