"""A new problem: its folder, configuration, sample and tests, from a template.

python scripts/new.py --task churn --kind tabular
python scripts/new.py --task churn --kind tabular --data my/churn.csv --column Churn

With --data, the file's columns are shown and become the problem's own.
"""

import sys

from kindling.tools.new import main

if __name__ == "__main__":
    sys.exit(main())
