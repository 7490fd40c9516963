"""Kaggle's sets, by its own client: potability, and the photos of clouds."""

import csv
import io
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from pathlib import Path, PurePosixPath

from kindling.errors import UserError
from kindling.fetch import archive

WATER = "water_potability.csv"
CLOUDS = ("clouds_train", "clouds_test")
PHOTOS = {".jpg", ".jpeg", ".png"}
SITE = "https://www.kaggle.com"
BY_HAND = 'or download it there and give it: ARGS="--archive FILE.zip"'


def fetch(task: str, name: str, folder: Path) -> Path:
    """Let the client download ``datasets/owner/name`` or ``competitions/name`` into ``folder``.

    Raises:
        UserError: There is no client, it finds no credentials, or it fails.
    """
    kind, _, slug = name.partition("/")
    page = f"{SITE}/{name}"
    client = shutil.which("kaggle", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if client is None:
        raise UserError(
            f"{task} is from {page}, which wants an account: pip install kaggle, and a token from "
            f"{SITE}/settings; {BY_HAND}"
        )
    if not _has_credentials():
        raise UserError(
            f"{task} is from {page}, which wants an account: Kaggle's client is here, its "
            f"credentials are not (a token from {SITE}/settings, in ~/.kaggle); {BY_HAND}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    command = [client, kind, "download", "-d" if kind == "datasets" else "-c", slug]
    done = subprocess.run(
        [*command, "-p", str(folder)], capture_output=True, text=True, check=False
    )
    found = folder / f"{slug.rpartition('/')[2]}.zip"
    if done.returncode or not found.is_file():
        said = [line for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
        rules = "; a competition's rules must be accepted first" if kind == "competitions" else ""
        raise UserError(
            f"{page}: Kaggle's client failed ({said[-1].strip() if said else 'silently'}){rules}; "
            f"{BY_HAND}"
        )
    return found


def _has_credentials() -> bool:
    """Whether the client will find some, by the places that it looks at."""
    if os.environ.get("KAGGLE_API_TOKEN"):
        return True
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return True
    places = [Path.home() / ".kaggle", Path.home() / ".config" / "kaggle"]
    if given := os.environ.get("KAGGLE_CONFIG_DIR"):
        places.insert(0, Path(given))
    return any((p / name).is_file() for p in places for name in ("kaggle.json", "access_token"))


def lay_out_water(source: Path, folder: Path) -> str:
    """Write ``water_potability.csv`` as it is."""
    with archive.opened(source) as opened:
        names = [n for n in archive.files(opened) if PurePosixPath(n).name == WATER]
        if not names:
            raise UserError(f"{source}: holds no {WATER}; is it the archive of this set?")
        archive.unpack(opened, names[0], folder / WATER)
    rows = (folder / WATER).read_bytes().count(b"\n") - 1
    return f"{WATER} {rows:,} rows"


def lay_out_clouds(source: Path, folder: Path) -> str:
    """Write ``clouds_train`` and ``clouds_test``, a folder a class in each.

    An archive that has both is taken as it is. The competition's own has labels for its training
    photos alone: half of each class becomes the test, drawn with a fixed seed.
    """
    with archive.opened(source) as opened:
        photos = [n for n in archive.files(opened) if PurePosixPath(n).suffix.lower() in PHOTOS]
        placed = _placed(photos) or _cut(opened, photos, source)
        for name, place in placed.items():
            archive.unpack(opened, name, folder.joinpath(*place))
    counts = {part: sum(place[0] == part for place in placed.values()) for part in CLOUDS}
    if not all(counts.values()):
        raise UserError(f"{source}: neither photos in {' and '.join(CLOUDS)} nor with a train.csv")
    classes = {place[1] for place in placed.values()}
    return f"{', '.join(f'{k} {n:,} photos' for k, n in counts.items())}, {len(classes)} classes"


def _placed(photos: list[str]) -> dict[str, tuple[str, str, str]]:
    """Where photos go that lie as ``.../clouds_train/<class>/<photo>``."""
    placed = {}
    for name in photos:
        parts = PurePosixPath(name).parts
        if len(parts) >= 3 and parts[-3] in CLOUDS:
            placed[name] = (parts[-3], parts[-2], parts[-1])
    return placed


def _cut(
    opened: zipfile.ZipFile, photos: list[str], source: Path
) -> dict[str, tuple[str, str, str]]:
    """Where photos go that ``train.csv`` labels, by columns ``id`` and ``label``."""
    tables = [n for n in archive.files(opened) if PurePosixPath(n).name == "train.csv"]
    if not tables:
        return {}
    rows = list(csv.DictReader(io.StringIO(opened.read(tables[0]).decode("utf-8-sig"))))
    if not rows or not {"id", "label"} <= rows[0].keys():
        raise UserError(f"{source}: train.csv has no columns id and label")
    labels = {PurePosixPath(row["id"]).stem: row["label"].replace("/", " ") for row in rows}
    by_class: dict[str, list[str]] = defaultdict(list)
    for name in sorted(photos):
        if (stem := PurePosixPath(name).stem) in labels:
            by_class[labels[stem]].append(name)
    placed = {}
    for label, names in by_class.items():
        random.Random(label).shuffle(names)
        for k, name in enumerate(names):
            placed[name] = (CLOUDS[k >= len(names) / 2], label, PurePosixPath(name).name)
    return placed
