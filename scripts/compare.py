"""Variants side by side: python scripts/compare.py --task timeseries, or --runs FOLDER FOLDER."""

import sys

from kindling.tools.compare.commands import compare

if __name__ == "__main__":
    sys.exit(compare())
