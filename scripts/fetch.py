"""The real data of a task, from where they are published, into data/<task>.

python scripts/fetch.py --task timeseries --client MT_200
python scripts/fetch.py --task potability --archive water-potability.zip
"""

import sys

from kindling.tools.fetch import main

if __name__ == "__main__":
    sys.exit(main())
