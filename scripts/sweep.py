"""A search for good settings: python scripts/sweep.py --task potability --trials 50."""

import sys

from kindling.tools.sweep import main

if __name__ == "__main__":
    sys.exit(main())
