"""Kaggle's sets, by its own client: potability, and the photos of clouds."""

import csv
import io
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath

from kindling.errors import UserError
from kindling.tools.fetch import archive

WATER = "water_potability.csv"
CLOUDS = ("clouds_train", "clouds_test")
PHOTOS = {".jpg", ".jpeg", ".png"}
SITE = "https://www.kaggle.com"
BY_HAND = 'or download it there and give it: ARGS="--archive FILE.zip"'


def fetch(task: str, name: str, target: Path) -> None:
    """Let the client download ``datasets/owner/name`` or ``competitions/name`` to ``target``.

    Raises:
        UserError: There is no client, it finds no credentials, or it fails.
    """
    kind, _, slug = name.partition("/")
    page = f"{SITE}/{name}"
    client = shutil.which("kaggle", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    lacks = "pip install kaggle" if client is None else "its client is here, credentials are not"
    if client is None or not _has_credentials():
        raise UserError(
            f"{task} is from {page}, which wants an account: {lacks}; a token from "
            f"{SITE}/settings goes into ~/.kaggle; {BY_HAND}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    option = {"datasets": "-d", "competitions": "-c"}[kind]
    command = [client, kind, "download", option, slug, "-p", str(target.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not target.is_file():
        message = [line for line in (done.stderr + "\n" + done.stdout).splitlines() if line.strip()]
        rules = "; a competition's rules must be accepted first" if kind == "competitions" else ""
        raise UserError(
            f"{page}: Kaggle's client failed ({message[-1].strip() if message else 'silently'}){rules}; "
            f"{BY_HAND}"
        )


def _has_credentials() -> bool:
    """Whether the client will find some, by the places that it looks at."""
    given = os.environ.get
    if given("KAGGLE_API_TOKEN") or (given("KAGGLE_USERNAME") and given("KAGGLE_KEY")):
        return True
    home = Path.home()
    places = [home / ".kaggle", home / ".config" / "kaggle"]
    places += [Path(folder) for folder in (given("KAGGLE_CONFIG_DIR"),) if folder]
    return any((p / name).is_file() for p in places for name in ("kaggle.json", "access_token"))


def lay_out_water(source: Path, folder: Path) -> str:
    """Write ``water_potability.csv`` as it is."""
    with archive.opened(source) as opened:
        archive.unpack(opened, archive.find(opened, WATER), folder / WATER)
    rows = (folder / WATER).read_bytes().count(b"\n") - 1
    return f"{WATER} {rows:,} rows"


def lay_out_clouds(source: Path, folder: Path) -> str:
    """Write ``clouds_train`` and ``clouds_test``, a folder a class in each.

    An archive that has both is taken as it is. The competition's own has labels for its training
    photos alone: half of each class becomes the test, drawn with a fixed seed.
    """
    with archive.opened(source) as opened:
        photos = [n for n in archive.files(opened) if PurePosixPath(n).suffix.lower() in PHOTOS]
        parts = {name: PurePosixPath(name).parts[-3:] for name in photos}
        ready = {n: p for n, p in parts.items() if len(p) == 3 and p[0] in CLOUDS}
        placed = ready or _cut(opened, photos, source)
        for name, place in placed.items():
            archive.unpack(opened, name, folder.joinpath(*place))
    counts = Counter(place[0] for place in placed.values())
    if set(counts) != set(CLOUDS):
        raise UserError(f"{source}: neither photos in {' and '.join(CLOUDS)} nor with a train.csv")
    classes = {place[1] for place in placed.values()}
    return f"{', '.join(f'{k} {counts[k]:,} photos' for k in CLOUDS)}, {len(classes)} classes"


def _cut(opened: zipfile.ZipFile, photos: list[str], source: Path) -> dict[str, tuple[str, ...]]:
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
    placed: dict[str, tuple[str, ...]] = {}
    for label, names in by_class.items():
        random.Random(label).shuffle(names)
        for k, name in enumerate(names):
            placed[name] = (CLOUDS[k >= len(names) / 2], label, PurePosixPath(name).name)
    return placed
