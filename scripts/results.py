"""The scores of docs/results.md again: python scripts/results.py --data data."""

import sys

from kindling.tools.results import main

if __name__ == "__main__":
    sys.exit(main())
