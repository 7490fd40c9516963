"""k-fold cross-validation: python scripts/crossval.py --task potability --folds 5."""

import sys

from kindling.tools.compare.commands import crossval

if __name__ == "__main__":
    sys.exit(crossval())
