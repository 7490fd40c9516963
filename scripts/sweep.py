"""A search for good settings: python scripts/sweep.py --task potability --trials 50."""

import sys

from kindling.tools.sweep.command import sweep

if __name__ == "__main__":
    sys.exit(sweep())
