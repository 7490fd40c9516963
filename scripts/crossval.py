"""k-fold cross-validation: python scripts/crossval.py --task potability --folds 5."""

import sys

from kindling.tools.crossval import main

if __name__ == "__main__":
    sys.exit(main())
