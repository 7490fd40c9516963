"""The recipes of problems on photos and a table, from prices; with photos alone, on a number."""

from dataclasses import replace

from kindling.tools.new.photos import SAMPLES
from kindling.tools.new.recipe import Edit, Recipe
from kindling.tools.new.tables import CLASSES, HERE, SAMPLE, TOLD
from kindling.tools.new.words import of_task, shipped, tests

MULTI_INPUT = Recipe(
    "multi-input",
    "Photos and table columns to a number",
    {
        **{
            name: place.replace("offers", "items")
            for name, place in shipped(
                "prices",
                "backbone",
                "data",
                "figures",
                "loss",
                "metrics",
                "model",
                "net",
                "offers",
                "photos",
            ).items()
        },
        f"{HERE}/sample.py": "problems/sample.py",
        f"{SAMPLES}/shapes.py": "problems/shapes.py",
        **tests(
            "prices",
            "conftest",
            "test_backbone",
            "test_data",
            "test_figures",
            "test_loss",
            "test_metrics",
            "test_model",
            "test_run",
        ),
    },
    (
        (r"samples\.shapes", "tabular.shapes"),
        *of_task("prices"),
        (r"\bPrices\b", "Numbers"),
        (r"\bprices\b", "targets"),
        (r"_prices\b", "_targets"),
        (r"(?<![a-z])price(?![a-z])", "target"),
        (r"Offers", "Items"),
        (r"offers", "items"),
    ),
    (
        Edit(
            SAMPLE,
            CLASSES,
            'CENTER, SCALE = 100.0, 40.0  # of what is to be told\nPHOTOS = ["front", "back"]\n',
        ),
        Edit(
            SAMPLE,
            "columns[TARGET] = _told(score)\n",
            "columns[TARGET] = _told(score)\n    _draw(folder, seen, seed)\n",
        ),
        Edit(
            SAMPLE,
            "    score = (score - score.mean()) / score.std() + NOISE",
            """    seen = rng.random(ROWS)
    for name in PHOTOS:
        columns[name] = [f"photos/{k + 1}_{PHOTOS.index(name)}.jpg" for k in range(ROWS)]
    # Half of what there is to tell can only be seen: how large the shape is.
    score = (score - score.mean()) / score.std() + 3.5 * (seen - 0.5) + NOISE""",
        ),
        Edit(
            SAMPLE,
            TOLD,
            '''def _told(score: NDArray[np.float64]) -> list[str]:
    return [f"{CENTER * np.exp(min(SCALE / CENTER, 1) * value):.6g}" for value in score]


def _draw(folder: Path, seen: NDArray[np.float64], seed: int) -> None:
    """A row's photos, of shapes of one size."""
    (folder / "photos").mkdir(exist_ok=True)
    for row, size in enumerate(seen):
        for number in range(len(PHOTOS)):
            rng = np.random.default_rng([seed, row, number])
            picture = draw(SHAPES[rng.integers(len(SHAPES))], float(size), rng)
            picture.save(folder / "photos" / f"{row + 1}_{number}.jpg", quality=90)
''',
        ),
        Edit(
            SAMPLE,
            "from numpy.typing import NDArray\n",
            "from numpy.typing import NDArray\n\n"
            "from kindling.tools.new.samples.shapes import SHAPES, draw\n",
        ),
        Edit("tests/test_data.py", "'prize' (did", "'tarjet' (did"),
        Edit("tests/test_data.py", '{"target": "prize"}', '{"target": "tarjet"}'),
        Edit(SAMPLE, "ROWS = 1000", "ROWS = 500"),
        Edit(SAMPLE, 'FILE = "tabular.csv"', 'FILE = "table.csv"'),
    ),
    {
        "tests/test_data.py": [
            "test_no_photo_lies_in_two_splits_of_the_sample",
            "test_no_photo_lies_in_two_splits_of_the_real_houses",
            "assert_no_photo_in_two_splits",
            "test_the_real_houses",
        ],
        "tests/test_run.py": ["test_the_real_houses"],
    },
    data={"target": "target", "image_size": 32},
    model={"channels": [8, 16, 32], "lr": 2e-3},
    trainer={"max_epochs": 30, "patience": 30},
)

PHOTOS_TO_NUMBER = replace(
    MULTI_INPUT,
    kind="images",
    about="Photos to a number, listed in a table; its columns can be learned from too",
    edits=[
        *MULTI_INPUT.edits,
        # Tested are both branches, since the table's columns are there to be learned from.
        Edit(
            "tests/test_run.py",
            '    "--data.image_size=16",\n',
            '    "--data.use_table=true",\n    "--data.image_size=16",\n',
        ),
    ],
    data={**MULTI_INPUT.data, "use_table": False},
)
