"""Variants side by side: python scripts/compare.py --task timeseries, or --runs FOLDER FOLDER."""

import sys

from kindling.tools.compare import main

if __name__ == "__main__":
    sys.exit(main())
