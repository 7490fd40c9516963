"""Kindling: five problem shapes on one PyTorch Lightning spine."""
