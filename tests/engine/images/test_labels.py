"""Tests of tables whose photos have several labels each."""

import logging
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kindling.errors import UserError
from tests.engine.toy import ToyPhotos, write_photo

LABELS = ["bird", "cat", "dog"]
TRUTH = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1], [0, 0, 0]]


def lay(root: Path, rows: list[str], photos: int = 0) -> ToyPhotos:
    for k in range(photos or len(rows) - 1):
        write_photo(root / "p" / f"{k:02}.png", (9 * k % 250, 90, 40), k)
    (root / "labels.csv").write_text("\n".join([*rows, ""]))
    return ToyPhotos(root=root, image_size=9)


def truth(data: ToyPhotos) -> dict[str, list[int]]:
    """The labels by the photo, over all splits."""
    data.setup("fit")
    splits: list[Any] = [data.splits[name] for name in ("train", "val", "test")]
    return {
        Path(file).name: label.tolist()
        for split in splits
        for file, label in zip(split.identifiers["file"], split.fields["label"], strict=True)
    }


@pytest.mark.parametrize("kind", [" ", "|", ", ", "columns", "True", "rows"])
def test_several_labels_are_found_in_cells_columns_or_rows(kind: str, tmp_path: Path) -> None:
    rows, expected = [], {}
    for k in range(30):
        has = TRUTH[k % (5 if kind == "rows" else 6)]
        expected[name := f"{k:02}.png"] = has
        labels = [label for label, there in zip(LABELS, has, strict=True) if there]
        if kind in ("columns", "True"):
            cells = [str(bool(there)) if kind == "True" else str(there) for there in has[::-1]]
            rows.append(f"{name},{','.join(cells)}")
        elif kind == "rows":
            rows += [f"{name},{label}" for label in labels]
        else:
            rows.append(f'{name},"{kind.join(labels)}"')
    header = f"file,{','.join(LABELS[::-1])}" if kind in ("columns", "True") else "file,tags"
    data = lay(tmp_path, [header, *rows], 30)
    assert truth(data) == expected
    assert (data.classes, data.multilabel) == (LABELS, True)
    assert sum(data.sizes().values()) == 30
    combinations = {tuple(row) for row in data.splits["test"].fields["label"].tolist()}  # type: ignore[attr-defined]
    assert len(combinations) == len({*map(tuple, expected.values())}), "each in every split"


def test_rare_combinations_are_split_at_random_and_what_is_odd_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    has = rng.integers(0, 2, (40, 6))
    has[0], without = 0, 1 + np.count_nonzero(has[1:].sum(1) == 0)
    rows = [f"{k:02}.png,{','.join(map(str, row))},0" for k, row in enumerate(has)]
    data = lay(tmp_path, ["file,a,b,c,d,e,f,never", *rows])
    with caplog.at_level(logging.WARNING):
        data.setup("fit")
    assert 7 <= data.sizes()["test"] <= 11
    assert data.classes == [*"abcdef", "never"]
    assert f"photos without any label: {without}" in caplog.text
    assert "labels that no photo has: never" in caplog.text


def test_columns_of_which_each_row_has_one_are_classes(tmp_path: Path) -> None:
    rows = [f"{k:02}.png,{int(k % 2 == 0)}.0,{int(k % 2)}.0" for k in range(12)]
    data = lay(tmp_path, ["file,mole,melanoma", *rows])
    found = truth(data)
    assert data.classes == ["melanoma", "mole"]
    assert not data.multilabel
    assert found["00.png"] == 1


@pytest.mark.parametrize(
    ("cells", "settings", "message"),
    [
        (["cat", "dog", "cat dog", "guinea pig"], {}, "is 'cat dog' several labels? --data.sep"),
        (["a|b", "a;c"], {}, r"labels are separated by | and ;; --data.separator="),
        (
            [" ".join(letters) for letters in product("ab", "cd", "ef", "gh", "ij")],
            {},
            "several labels? --data.separator=' ', or '' if it is one class",
        ),
        (["a", "b"], {"label": ["tags", "more"]}, "'tags': 'a' is neither 0 nor 1: correct it"),
        (["a", "b"], {"label": ["tags"]}, "data.label=['tags']: one column is no list"),
        (["a|b", "a", "b"] * 3, {"sampling": "balanced"}, "weigh them, --model.class_weights=bal"),
        (["cat", "dog", ""], {}, "no class: fill it in or delete the row"),
    ],
)
def test_what_is_not_clear_is_asked(
    cells: list[str], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    rows = [f"{k:02}.png,{cell},1" for k, cell in enumerate(cells)]
    lay(tmp_path, ["file,tags,more", *rows])
    with pytest.raises(UserError) as caught:
        ToyPhotos(root=tmp_path, image_size=9, **settings).setup("fit")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_separator_that_is_set_decides(tmp_path: Path) -> None:
    cells = ["guinea pig", "cat dog", "cat", "dog"] * 6
    lay(tmp_path, ["file,tags", *(f"{k:02}.png,{cell}" for k, cell in enumerate(cells))])
    one = ToyPhotos(root=tmp_path, image_size=9, separator="")
    assert one.classes == ["cat", "cat dog", "dog", "guinea pig"]
    assert ToyPhotos(root=tmp_path, image_size=9, separator=" ").classes == [
        "cat", "dog", "guinea", "pig",
    ]  # fmt: skip


def test_other_photos_are_labelled_as_those_of_training(tmp_path: Path) -> None:
    """Also in a table where each photo happens to have one label, or in class folders."""
    rows = [f"{k:02}.png,{('cat', 'dog', 'cat|dog')[k % 3]}" for k in range(24)]
    data = lay(tmp_path / "train", ["file,tags", *rows])
    data.setup("fit")
    state = data.state_dict()
    lay(tmp_path / "other", ["file,tags", "00.png,dog", "01.png,dog"])
    for k in range(2):  # that the run was not trained on
        write_photo(tmp_path / "other" / "p" / f"0{k}.png", (1, 2, 3), 98 + k)
    write_photo(tmp_path / "other" / "folders" / "cat" / "x.png", (1, 2, 3), 98)
    for test, expected in (("labels.csv", [[0, 1], [0, 1]]), ("folders", [[1, 0]])):
        scored = ToyPhotos(root=tmp_path / "other", image_size=9, train=None, test=test)
        scored.load_state_dict(state)
        scored.setup("test")
        tested: Any = scored.splits["test"]
        assert tested.fields["label"].tolist() == expected
    predicted = ToyPhotos(root=Path("/gone"), input=tmp_path / "other" / "p", image_size=9)
    predicted.load_state_dict(state)
    predicted.setup("predict")
    unknown: Any = predicted.splits["predict"]
    assert torch.equal(unknown.fields["label"], torch.full((2, 2), -1))
    rows = [f"{k:02}.png,{('cat', 'dog')[k % 2]}" for k in range(12)]
    single = lay(tmp_path / "single", ["file,tags", *rows])
    single.setup("fit")
    several = ToyPhotos(root=tmp_path / "train", image_size=9)
    several.load_state_dict(single.state_dict())
    with pytest.raises(UserError, match="photos have several labels, but one class in training"):
        several.setup("test")
