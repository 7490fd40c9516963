"""Python source as text whose definitions can be taken out or replaced, the rest left as it is."""

import ast
from collections.abc import Collection


def names_of(node: ast.stmt) -> list[str]:
    """What a statement of a module defines."""
    match node:
        case ast.FunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
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
            described = isinstance(node, ast.Assign | ast.AnnAssign)
            if described and isinstance(following, ast.Expr):
                cut.append(following)
    if left:
        raise KeyError(f"no definition of {', '.join(sorted(left))}")
    lines = text.splitlines(keepends=True)
    for node in reversed(cut):
        decorators = getattr(node, "decorator_list", [])
        first = min(part.lineno for part in (node, *decorators))
        del lines[first - 1 : node.end_lineno]
    return "".join(lines)


def replaced(text: str, name: str, statement: str) -> str:
    """The module with another statement in the place of a definition."""
    for node in ast.parse(text).body:
        if name in names_of(node):
            lines = text.splitlines(keepends=True)
            lines[node.lineno - 1 : node.end_lineno] = [statement + "\n"]
            return "".join(lines)
    raise KeyError(f"no definition of {name}")
