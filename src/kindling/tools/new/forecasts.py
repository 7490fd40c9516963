"""The recipe of problems that forecast a series, from the electric load."""

from kindling.tools.new.recipe import Recipe
from kindling.tools.new.words import of_task, shipped, tests

SERIES = Recipe(
    "series",
    "The last values of a series to the next one",
    {
        **shipped("timeseries", "data", "figures", "grid", "model", "rows", "series", "windows"),
        "src/kindling/scaffold/samples/series.py": "problems/sample.py",
        **tests("timeseries", "test_data", "test_model", "test_series", "test_windows"),
    },
    (
        (r"electricity_(train|test)", r"\1"),
        (r"frame\.consumption", "frame.value"),
        (r"consumption", "value"),
        *of_task("timeseries"),
    ),
    left_out={
        "tests/test_series.py": ["test_the_real_files"],
        "tests/test_data.py": ["test_no_root_is_the_sample_and_a_wrong_one_is_an_error"],
    },
    data={"train": "series.csv", "test": None, "window": 24, "lags": ["1d", "7d"]},
    model={"cell": "lstm", "hidden": 32, "lr": 2e-3},
    trainer={"max_epochs": 15, "patience": 5},
)
