"""Kindling: five problem shapes on one PyTorch Lightning spine."""

__version__ = "0.2.0"
