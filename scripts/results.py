"""The scores of docs/results.md again: python scripts/results.py --data data."""

import sys

from kindling.tools.compare.commands import results

if __name__ == "__main__":
    sys.exit(results())
