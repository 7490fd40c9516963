"""Tests that a problem's own tests inherit; only this package imports pytest."""

from kindling.testing.contract import Fault, ProblemContract

__all__ = ["Fault", "ProblemContract"]
