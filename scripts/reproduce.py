"""A run made again: python scripts/reproduce.py --run logs/timeseries/version_0."""

import sys

from kindling.tools.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
