"""What the tests of a problem inherit; pytest is imported here alone."""

from kindling.testing.contract import Fault, ProblemContract

__all__ = ["Fault", "ProblemContract"]
