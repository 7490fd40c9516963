"""A list of all runs: python scripts/runs.py --task timeseries."""

import sys

from kindling.tools.runs import main

if __name__ == "__main__":
    sys.exit(main())
