"""A data set examined before training: what leaks, what is odd, what would be refused.

python scripts/check.py --task potability
python scripts/check.py --task prices --data.root=data/prices --data.table=cars.csv
"""

import sys

from kindling.tools.check import main

if __name__ == "__main__":
    sys.exit(main())
