"""New problems out of the shipped ones, the project's own name, and problems taken out."""

from kindling import paths

PACKAGE = paths.PROJECT / "src" / "kindling"
PROBLEMS = PACKAGE / "problems"
TESTS = paths.PROJECT / "tests"
