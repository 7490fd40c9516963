"""A list of all runs: python scripts/runs.py --task timeseries."""

import sys

from kindling.tools.compare.commands import runs

if __name__ == "__main__":
    sys.exit(runs())
