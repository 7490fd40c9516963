"""Where the project keeps its things. Nothing here imports torch."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
CONFIGS = PROJECT / "configs"
PRESETS = CONFIGS / "presets"
LOGS = PROJECT / "logs"
SAMPLES = PROJECT / "data" / "sample"
CACHE = PROJECT / "data" / "cache"
