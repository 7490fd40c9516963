"""Samples of new problems with photos: plain shapes."""
