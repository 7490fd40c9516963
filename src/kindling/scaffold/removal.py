"""What is left of a test or a script when a shipped problem is gone.

A statement that names the problem goes. Where it is one of several equal items of a list or of a
table of cases, the item goes and the others stay; what used a definition that went, goes too.
"""

import ast
import re
from collections.abc import Collection, Iterator

from kindling.scaffold import source
from kindling.scaffold.names import camel


def without_task(text: str, task: str, gone_above: Collection[str] = ()) -> str:
    """The module without what needs the problem.

    Args:
        text: The module.
        task: The problem.
        gone_above: What a ``conftest.py`` above it has lost.
    """
    text, named = _without_items(text, task), mention(task)
    lost = set(gone_above)
    while True:
        body = ast.parse(text).body
        gone = [node for node in body if _needs(node, task, named, lost)]
        if not gone:
            return text
        lost |= {name for node in gone for name in source.names_of(node)}
        text = source.without_nodes(text, _with_texts(body, gone))


def defined_no_more(before: str, after: str) -> set[str]:
    """Names that a module had, and has not without the problem."""
    old, new = (
        {name for node in ast.parse(text).body for name in source.names_of(node)}
        for text in (before, after)
    )
    return old - new


def tests_of(text: str) -> int:
    return sum(
        isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        for node in ast.parse(text).body
    )


def mention(task: str) -> re.Pattern[str]:
    """The problem's name in text: of a folder, a configuration, a class or a preset."""
    return re.compile(rf"(?<![a-zA-Z0-9_]){task}(?![a-zA-Z0-9])|\b{camel(task)}[A-Z]\w+")


def _needs(node: ast.stmt, task: str, named: re.Pattern[str], lost: set[str]) -> bool:
    if isinstance(node, ast.ImportFrom):
        return f"problems.{task}" in f"{node.module}.{node.names[0].name}"
    if source.is_text(node):
        return False
    words = [c for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)]
    if isinstance(node, ast.FunctionDef) and not (_is_test(node) or _is_fixture(node)):
        # What helps several tests is told the problem by them, unless it names a class or a file.
        bound = (f"problems.{task}.", f"{task}.yaml")
        words = [word for word in words if any(name in str(word.value) for name in bound)]
    if any(named.search(str(word.value)) and not _compared(node, word) for word in words):
        return True
    used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    fixtures = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
    return bool(lost & (used | fixtures))


def _is_test(node: ast.FunctionDef) -> bool:
    return node.name.startswith("test_")


def _is_fixture(node: ast.FunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


def _compared(node: ast.stmt, constant: ast.Constant) -> bool:
    """Whether it is only compared with, so that without the problem the branch is never taken."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Compare) and constant in (inner.left, *inner.comparators):
            return True
    return False


def _without_items(text: str, task: str) -> str:
    """Without the items that begin with the problem's name: of a list, a call or a dictionary."""
    while (span := next(_items(ast.parse(text), task), None)) is not None:
        text = _cut(text, *span)
    return text


def _items(tree: ast.Module, task: str) -> Iterator[tuple[ast.expr, ast.expr, ast.expr | None]]:
    """First and last node of each such item; of a pair the pair, and what is left of it."""
    for node in ast.walk(tree):
        match node:
            case ast.Dict(keys=keys, values=values):
                pairs = [(k, v) for k, v in zip(keys, values, strict=True) if k is not None]
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                pairs = [(item, item) for item in items]
            case _:
                continue
        for first, last in pairs:
            enough = len(pairs) > 1 or isinstance(node, ast.Dict)
            if enough and _begins(first, task) and _alike(pairs):
                if isinstance(node, ast.Tuple) and len(pairs) == 2:
                    yield node, node, next(item for item, _ in pairs if item is not first)
                else:
                    yield first, last, None


def _begins(node: ast.expr, task: str) -> bool:
    match node:
        case ast.Constant(value=value):
            return value == task or (isinstance(value, str) and value.startswith(f"{task}_"))
        case ast.Tuple(elts=[first, *_]):
            return _begins(first, task)
        case ast.Call(args=[first, *_]):
            return _begins(first, task)
        case _:
            return False


def _alike(pairs: list[tuple[ast.expr, ast.expr]]) -> bool:
    """Whether the items are of one kind, as cases are and the fields of one case are not."""
    kinds = {type(first) for first, _ in pairs}
    if kinds != {ast.Constant}:
        return kinds <= {ast.Tuple, ast.Call, ast.List} or len(kinds) == 1
    words = [first.value for first, _ in pairs if isinstance(first, ast.Constant)]
    return all(isinstance(word, str) and word.isidentifier() for word in words)


def _cut(text: str, first: ast.expr, last: ast.expr, left: ast.expr | None) -> str:
    """Without the item, and the comma behind it or before it; ``(a, b)`` becomes ``(a,)``."""
    start, end = _offset(text, first.lineno, first.col_offset), 0
    assert last.end_lineno is not None
    assert last.end_col_offset is not None
    end = _offset(text, last.end_lineno, last.end_col_offset)
    if left is not None:
        return f"{text[:start]}({ast.get_source_segment(text, left)},){text[end:]}"
    if comma := re.match(r"\s*,[ ]?", text[end:]):
        end += comma.end()
    elif before := re.search(r",\s*$", text[:start]):
        start = before.start()
    return text[:start] + text[end:]


def _offset(text: str, line: int, column: int) -> int:
    lines = text.splitlines(keepends=True)
    whole = sum(len(part) for part in lines[: line - 1])
    return whole + len(lines[line - 1].encode()[:column].decode())


def _with_texts(body: list[ast.stmt], gone: list[ast.stmt]) -> list[ast.stmt]:
    """With the strings that describe what is gone."""
    found = list(gone)
    for node, following in zip(body, [*body[1:], None], strict=True):
        plain = isinstance(node, ast.Assign | ast.AnnAssign)
        if node in gone and plain and following is not None and source.is_text(following):
            found.append(following)
    return found
