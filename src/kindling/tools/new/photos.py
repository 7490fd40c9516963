"""The recipe of problems that tell a photo's class, from the photos of clouds."""

from kindling.tools.new.recipe import Edit, Recipe
from kindling.tools.new.words import of_task, shipped, tests

SAMPLES = "src/kindling/scaffold/samples"

CLASSES = Recipe(
    "images",
    "Photos in a folder for each class to the class",
    {
        **shipped("clouds", "data", "figures", "model", "net", "photos", "repeated", "views"),
        f"{SAMPLES}/folders.py": "problems/sample.py",
        f"{SAMPLES}/shapes.py": "problems/shapes.py",
        **tests("clouds", "conftest", "test_data", "test_model", "test_run"),
    },
    (
        (r"samples\.folders", "samples.sample"),
        (r"clouds_(train|test)", r"\1"),
        (r"blue sky", "blue"),
        (r"grey layer", "grey"),
        (r"white heaps", "white"),
        *of_task("clouds"),
    ),
    (
        Edit("problems/data.py", "Photos of the sky in a folder", "Photos in a folder"),
        Edit("problems/data.py", '{"cloud": "class"}', '{"label": "class"}'),
        Edit("problems/model.py", "Tells kinds of cloud apart", "Tells photos apart"),
        Edit("problems/model.py", 'HEAD = "cloud"', 'HEAD = "label"'),
        Edit(
            "problems/model.py",
            "Tells the kind of cloud from a photo",
            "Tells the class of a photo",
        ),
        Edit("tests/conftest.py", " in the real set's layout: every", ": every"),
    ),
    {
        "tests/test_data.py": ["test_the_real_photos"],
        "tests/test_model.py": [
            "test_beats_the_majority_on_photos_like_the_sample_s",
            "test_the_course_s_net",
        ],
    },
    data={"image_size": 64},
    # The sample's shapes lie at any angle.
    model={"channels": [16, 32, 64, 128], "rotation": 180, "lr": 2e-3},
    trainer={"max_epochs": 60, "patience": 60},
)
