"""Another version of the engine in place of this one, the project's problems untouched.

python scripts/update.py --to v0.2.0
python scripts/update.py --to ../kindling --no-test
"""

import sys

from kindling.tools.update import main

if __name__ == "__main__":
    sys.exit(main())
