"""New problems out of the shipped ones."""

from kindling.data import paths

PACKAGE = paths.PROJECT / "src" / "kindling"
PROBLEMS = PACKAGE / "problems"
TESTS = paths.PROJECT / "tests"
