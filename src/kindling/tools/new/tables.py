"""The recipe of problems on a table: one template, and what differs where a number is predicted."""

from kindling.tools.new.recipe import Edit, Recipe
from kindling.tools.new.words import TEMPLATES

HERE, BESIDE = "src/kindling/scaffold/tabular", "tests/scaffold/tabular"
BOTH = {
    **{f"{HERE}/{name}.py": f"problems/{name}.py" for name in ("data", "net", "rows", "sample")},
    f"{BESIDE}/test_data.py": "tests/test_data.py",
    f"{BESIDE}/run.py": "tests/test_run.py",
}
DATA = "problems/data.py"
SAMPLE = "problems/sample.py"

CLASSIFICATION = Recipe(
    "tabular",
    "Numbers and categories of a table to a class",
    {
        **BOTH,
        f"{HERE}/target.py": "problems/target.py",
        f"{HERE}/model.py": "problems/model.py",
        f"{BESIDE}/test_target.py": "tests/test_target.py",
        f"{BESIDE}/test_model.py": "tests/test_model.py",
    },
    TEMPLATES,
    data={"target": "target"},
    model={"hidden": [64, 32], "dropout": 0.1},
    trainer={"max_epochs": 60, "patience": 10},
)

TOLD = '''def _told(score: NDArray[np.float64]) -> list[str]:
    """The classes in order of the score, each with its share of the rows."""
    names, shares = list(CLASSES), np.array(list(CLASSES.values()))
    rank = (np.argsort(np.argsort(score)) + 0.5) / len(score)
    place = np.searchsorted(np.cumsum(shares / shares.sum())[:-1], rank)
    return [names[k] for k in place]
'''
CLASSES = '''CLASSES = {"no": 0.6, "yes": 0.4}
"""Share of each class."""
'''
LEARNED = "self._learned: tuple[Columns, dict[str, list[str]], list[str]] | None = None"

EDITS = (
    Edit(DATA, "check_fold, stratified_split", "check_fold, grouped_split"),
    Edit(DATA, LEARNED, LEARNED.replace(", list[str]] |", "] |")),
    Edit(
        DATA,
        '''    @property
    def classes(self) -> list[str]:
        """What there is to tell apart: of the checkpoint, or else of the file."""
        return self._known()[2]

''',
        "",
    ),
    Edit(
        DATA,
        "target, _ = read_target(self._table, self.target, self._path, self.classes)",
        "target = read_target(self._table, self.target, self._path)",
    ),
    Edit(
        DATA, "columns, vocabulary, classes = self._known()", "columns, vocabulary = self._known()"
    ),
    Edit(DATA, ', "vocabulary": vocabulary, "classes": classes}', ', "vocabulary": vocabulary}'),
    Edit(DATA, 'state_dict["vocabulary"], state_dict["classes"]', 'state_dict["vocabulary"]'),
    Edit(
        DATA,
        "def _known(self) -> tuple[Columns, dict[str, list[str]], list[str]]:",
        "def _known(self) -> tuple[Columns, dict[str, list[str]]]:",
    ),
    Edit(
        DATA,
        "            _, classes = read_target(self._table, self.target, self._path)\n",
        "",
    ),
    Edit(DATA, "self._learned = columns, found, classes", "self._learned = columns, found"),
    Edit(
        DATA,
        '''test, each with its share of every class."""
        target, _ = read_target(self._table, self.target, self._path)
        return self.cut(stratified_split, target.numpy())''',
        '''test."""
        return self.cut(grouped_split, np.arange(len(self._table)))''',
    ),
    Edit(DATA, "columns, vocabulary, _ = self._known()", "columns, vocabulary = self._known()"),
    Edit(
        "problems/rows.py",
        "``(B,)`` int64: place of the class, or ``IGNORE_INDEX``. ``place`` ``(B,)``\n        int64:",
        "``(B,)``, NaN where unknown. ``place`` ``(B,)`` int64:\n       ",
    ),
    Edit(SAMPLE, CLASSES, "CENTER, SCALE = 100.0, 20.0  # of what is to be told\n"),
    Edit(
        SAMPLE,
        TOLD,
        """def _told(score: NDArray[np.float64]) -> list[str]:
    return [f"{value:.6g}" for value in CENTER + SCALE * score]
""",
    ),
    Edit("tests/test_run.py", 'SCORE = "f1_macro"', 'SCORE = "rmse"'),
)

REGRESSION = Recipe(
    "tabular",
    "Numbers and categories of a table to a number",
    {
        **BOTH,
        f"{HERE}/number.py": "problems/target.py",
        f"{HERE}/regression.py": "problems/model.py",
        f"{BESIDE}/test_number.py": "tests/test_target.py",
        f"{BESIDE}/test_regression.py": "tests/test_model.py",
    },
    (
        (r"tabular\.number", r"tabular.target"),
        (r"tabular\.regression", r"tabular.model"),
        *TEMPLATES,
    ),
    EDITS,
    data={"target": "target"},
    model={"hidden": [64, 32], "dropout": 0.1},
    trainer={"max_epochs": 60, "patience": 10},
)
