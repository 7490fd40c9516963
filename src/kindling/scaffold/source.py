"""Python source as text whose definitions can be taken out or replaced, the rest left as it is."""

import ast
from collections.abc import Collection


def names_of(node: ast.stmt) -> list[str]:
    """What a statement of a module defines."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Import() | ast.ImportFrom():
            return [a.asname or a.name.partition(".")[0] for a in node.names]
        case _:
            return []


def without(text: str, names: Collection[str]) -> str:
    """The module without these definitions, and the strings that describe them.

    Raises:
        KeyError: It has no such definition.
    """
    left, cut = set(names), []
    body = ast.parse(text).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if found := left.intersection(names_of(node)):
            left -= found
            cut.append(node)
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) and is_text(following):
                assert following is not None
                cut.append(following)
    if left:
        raise KeyError(f"no definition of {', '.join(sorted(left))}")
    return without_nodes(text, cut)


def replaced(text: str, name: str, statement: str) -> str:
    """The module with another statement in the place of a definition."""
    for node in ast.parse(text).body:
        if name in names_of(node):
            lines = text.splitlines(keepends=True)
            lines[node.lineno - 1 : node.end_lineno] = [statement + "\n"]
            return "".join(lines)
    raise KeyError(f"no definition of {name}")


def without_nodes(text: str, nodes: Collection[ast.stmt]) -> str:
    """The module without these statements of it."""
    lines = text.splitlines(keepends=True)
    for node in sorted(nodes, key=lambda node: -node.lineno):
        del lines[first_line(node) - 1 : node.end_lineno]
    return "".join(lines)


def first_line(node: ast.stmt) -> int:
    """Of a statement with its decorators."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return node.lineno


def is_text(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
