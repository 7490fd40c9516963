"""Kindling: five problem shapes on one PyTorch Lightning engine."""

__version__ = "0.2.0"
