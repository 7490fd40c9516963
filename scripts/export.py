"""A run's best checkpoint as ONNX and as torch.export's program, checked against the checkpoint.

python scripts/export.py --run logs/timeseries/latest
python scripts/export.py --run logs/timeseries/latest --format torch
"""

import sys

from kindling.tools.export import main

if __name__ == "__main__":
    sys.exit(main())
