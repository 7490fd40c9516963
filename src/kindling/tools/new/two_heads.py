"""The recipe of problems that tell two things from one photo, from faces."""

from kindling.tools.new.photos import SAMPLES
from kindling.tools.new.recipe import Edit, Recipe
from kindling.tools.new.words import of_task, shipped, tests

LISTING, MODEL, DATA = "problems/listing.py", "problems/model.py", "problems/data.py"
OUT_OF_RANGE = '"is no age from 0 to 150: correct it"),\n'

EDITS = (
    Edit(DATA, "Photos of people in a table, cut by photo or by person", "Photos in a table"),
    Edit(DATA, "the identity or the age of who is in them, or both", "a class, a number, or both"),
    Edit(DATA, "identity: Column that says who it is", "identity: Column of the class"),
    Edit(DATA, "age: Column of years", "age: Column of the number"),
    Edit(DATA, "Everybody's photos in all", "Photos of each identity in all"),
    Edit(DATA, '"age": {"unit": "years"}', '"age": {"unit": "of the table"}'),
    Edit(DATA, "The youngest and the oldest of", "The least and the most of"),
    Edit(DATA, "The people of the checkpoint", "The classes of the checkpoint"),
    Edit(MODEL, "Tells who is in a photo and how old", "Tells a class and a number from a photo"),
    Edit(MODEL, "The youngest and the oldest in", "The least and the most in"),
    Edit(MODEL, "use_identity: Tell who it is", "use_identity: Tell the class"),
    Edit(MODEL, "use_age: Tell how old", "use_age: Tell the number"),
    Edit(MODEL, "as the expectation over whole years", "as the expectation over whole ones"),
    Edit(LISTING, "who is in each, at what age", "the class and the number of each"),
    Edit(LISTING, "or no row has anything to learn", "or there is nothing to learn"),
    Edit(
        LISTING,
        '\nOLDEST = 150\n"""Years above which a number is a slip of the pen."""\n',
        "",
    ),
    Edit(
        LISTING,
        """    wrong = (age < 0) | (age > OLDEST)
    refuse(wrong, table[column], path, f"{{cell}} is no age from 0 to {OLDEST}: correct it")
""",
        "",
    ),
    Edit("problems/figures.py", "years\\ntaken", "\\ntaken"),
    Edit("problems/figures.py", 'message, "age in years"', 'message, "age"'),
    Edit("problems/figures.py", '"age in years", "years too old"', '"age", "too much"'),
    Edit("problems/photos.py", "who is in them at what age", "what they show"),
    Edit("tests/test_model.py", 'or --model.use_i"', 'or --model.use_"'),
    Edit("tests/test_run.py", 'has a known id"', 'has a known "'),
    Edit("tests/test_data.py", f'        (edit("Eve,", "Eve,-"), {{}}, {OUT_OF_RANGE}', ""),
    Edit("tests/test_data.py", f'        (edit("Eve,", "Eve,9"), {{}}, {OUT_OF_RANGE}', ""),
)

MULTI_OUTPUT = Recipe(
    "multi-output",
    "Photos to a class and a number: one trunk, two heads",
    {
        **shipped("faces", "cut", "data", "figures", "listing"),
        **shipped("faces", "model", "net", "photos", "weighting"),
        "src/kindling/problems/faces/ages.py": "problems/amounts.py",
        f"{SAMPLES}/listed.py": "problems/sample.py",
        f"{SAMPLES}/shapes.py": "problems/shapes.py",
        **tests("faces", "conftest", "test_data", "test_model", "test_run"),
    },
    (
        (r"samples\.listed", "samples.sample"),
        *of_task("faces"),
        (r"faces\.csv", "table.csv"),
        (r"identity", "label"),
        (r" in years", ""),
        (r"whole years", "whole numbers"),
        (r"\byears\b", "numbers"),
        (r"Who is younger or older", "One beyond"),
        (r"between the youngest and the oldest", "from the least to the most"),
        (r"[Tt]he youngest and the oldest", "the least and the most"),
        (r"\bages\b", "amounts"),
        (r"(?<![a-z])ages(?![a-z])", "amounts"),
        (r"(?<![a-z])age(?![a-z])", "amount"),
        (r"\bpersons?\b", "label"),
        (r"_person\b", "_label"),
        (r"\bpeople\b", "labels"),
        (r"\bFaces\b", "Photos"),
    ),
    EDITS,
    {
        "tests/test_model.py": ["test_beats_the_baselines_on_faces_like_the_sample_s"],
        "tests/test_run.py": ["test_one_head_alone_has_plain_names"],
    },
    data={"image_size": 32},
    # The sample's shapes lie at any angle.
    model={"channels": [16, 32, 64], "rotation": 180, "lr": 2e-3},
    trainer={"max_epochs": 60, "patience": 60},
)
