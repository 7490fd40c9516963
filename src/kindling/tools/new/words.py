"""The words that a problem is told by, and what they become in a copy of it."""

from collections.abc import Mapping

from kindling.tools.new.recipe import CAMEL, TASK

TEMPLATES = (
    (r"kindling\.scaffold\.(samples|tabular)", rf"problems.{TASK}"),
    (r'(?<=[" =/])tabular(?=["/])', TASK),
    (r"Tabular(?=[A-Z])", CAMEL),
)
"""Of what is in this package."""


def of_task(task: str) -> tuple[tuple[str, str], ...]:
    """Where the name of a shipped problem is the name of its folder, its config and its classes."""
    return (
        (rf"problems([./]){task}\b", rf"problems\1{TASK}"),
        (rf'(?<=["=/]){task}(?=["/])', TASK),
        (rf"\b{task.capitalize()}(?=[A-Z])", CAMEL),
        *TEMPLATES,
    )


def shipped(task: str, *modules: str) -> Mapping[str, str]:
    """Modules of a shipped problem, each to the same place."""
    return {f"src/kindling/problems/{task}/{name}.py": f"problems/{name}.py" for name in modules}


def tests(task: str, *modules: str) -> Mapping[str, str]:
    """Tests of a shipped problem, each to the same place."""
    return {f"tests/problems/{task}/{name}.py": f"tests/{name}.py" for name in modules}
