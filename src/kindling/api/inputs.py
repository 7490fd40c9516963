"""Raw input of any kind, as a file that a data module reads.

N: rows or photos, F: columns, H: height, W: width.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.tables.datamodule import TableDataModule
from kindling.tables.formats import EITHER, decimal_mark

Photo = str | os.PathLike[str] | Image.Image | NDArray[Any]
Given = Photo | pd.DataFrame | Sequence[Photo]

ROWS = "the DataFrame"


Names = Mapping[str, str]
"""What was given, by the path of the temporary file that stands for it."""


@contextmanager
def as_input(x: Given, data: DataModule) -> Iterator[tuple[Path, Names]]:
    """The input as a file or a folder, for as long as it is read, with the names in it.

    Raises:
        UserError: Input of this kind cannot be read; errors name what was given.
    """
    if isinstance(x, str | os.PathLike):
        yield Path(x).expanduser(), {}
        return
    with tempfile.TemporaryDirectory(prefix="kindling-") as folder:
        path, names = _written(x, data, Path(folder).resolve())
        try:
            yield path, names
        except UserError as error:
            said = str(error)
            for file, name in names.items():
                said = said.replace(file, name)
            error.args = (said,)
            raise


def named(predictions: pd.DataFrame, names: Names) -> pd.DataFrame:
    """Predictions with the names by which photos were given."""
    if names and "file" in predictions:
        of_file = {Path(file).name: name for file, name in names.items()}
        predictions["file"] = predictions["file"].map(lambda file: of_file.get(file, file))
    return predictions


def _written(x: Any, data: DataModule, folder: Path) -> tuple[Path, Names]:
    if isinstance(x, np.ndarray) and x.ndim <= 2:
        x = _columns_of(x, data)
    if isinstance(x, pd.DataFrame):
        file = folder / "input.csv"
        _write_table(x, data, file)
        return file, {str(file): ROWS}
    photos = [x] if isinstance(x, Image.Image) or getattr(x, "ndim", 0) == 3 else x
    if not isinstance(photos, Sequence | np.ndarray):
        kinds = "a path, a DataFrame, an array, Pillow images, or a list of paths or images"
        raise UserError(f"predict: {type(x).__name__} is not an input; give {kinds}")
    if not len(photos):
        raise UserError("predict: an empty list; give at least one photo")
    names = {}
    for number, photo in enumerate(photos):
        file = folder / f"{number:06d}.png"  # Pillow looks at the content, whatever the name
        names[str(file)] = _write_photo(photo, number, file)
    return folder, names | {str(folder): "the photos"}


def _columns_of(values: NDArray[Any], data: DataModule) -> pd.DataFrame:
    """An array as a table with the names of the columns that the model was trained on."""
    if not isinstance(data, TableDataModule):
        raise UserError(
            f"predict: an array {values.shape} is not an input of {type(data).__name__}; give a "
            "DataFrame or a CSV file of a series, with its times, or photos (H, W, 3) as bytes"
        )
    names = [*data.columns.numbers, *data.columns.categories, *data.columns.photos]
    rows = np.atleast_2d(values)
    if rows.shape[1] != len(names):
        what = f"an array of {rows.shape[1]} columns, but the model was trained on {len(names)}"
        raise UserError(f"predict: {what}: {', '.join(names)}")
    return pd.DataFrame(rows, columns=names)


def _write_table(frame: pd.DataFrame, data: DataModule, file: Path) -> None:
    """Write a table in the training file's format."""
    if frame.empty:
        raise UserError(f"{ROWS}: a header and no rows")
    index = [name for name in frame.index.names if name is not None and name not in frame]
    table = (frame.reset_index(index) if index else frame.copy()).infer_objects()
    table.columns = table.columns.map(str)
    if not isinstance(data, TableDataModule):
        table.to_csv(file, index=False)
        return
    for name, words in data.vocabulary.items():
        if name in table and not _is_text(table[name]):
            table[name] = _spelled(table[name], words)
    for name in data.columns.photos:
        if name in table:
            table[name] = table[name].map(os.path.abspath, na_action="ignore")
    for name in data.columns.numbers:
        if name in table and _is_text(table[name]) and data.decimal is None:
            _refuse_either(table[name])
    table.to_csv(file, index=False, decimal=data.decimal or ".")


def _is_text(cells: "pd.Series[Any]") -> bool:
    return bool(cells.map(lambda cell: isinstance(cell, str)).any())


def _spelled(cells: "pd.Series[Any]", words: Sequence[str]) -> "pd.Series[Any]":
    """Turn what pandas made of a category's words, such as 7 from 007, back into the words."""
    by_value = {_value(word): word for word in words}
    exact = set(words)

    def spell(cell: Any) -> Any:
        return str(cell) if str(cell) in exact else by_value.get(_value(str(cell)), cell)

    return cells.astype(object).map(spell, na_action="ignore")


def _value(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word.casefold()


def _refuse_either(cells: "pd.Series[Any]") -> None:
    """Raise a UserError for text whose marks may be of decimals or of thousands."""
    text = cells[cells.map(lambda cell: isinstance(cell, str))].str.strip()
    unclear = text[text.str.fullmatch(EITHER)]
    if len(unclear) and decimal_mark([text]) is None:
        what = f"{unclear.iloc[0]!r} is text whose mark may be of decimals or of thousands"
        raise UserError(f"{ROWS}, column {cells.name!r}: {what}; give numbers")


def _write_photo(photo: Any, number: int, file: Path) -> str:
    """Write a photo as a file and return its name in messages and predictions."""
    if isinstance(photo, str | os.PathLike):
        path = Path(photo).expanduser()
        if not path.is_file():
            raise UserError(f"{path}: no such image file; check the path")
        shutil.copyfile(path, file)
        return str(photo)
    name = f"photo {number}"
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8:
            raise UserError(f"{name}: an array of {photo.dtype}; give bytes (uint8), 0 to 255")
        try:
            photo = Image.fromarray(photo)
        except (TypeError, ValueError) as error:
            what = f"an array {photo.shape} is not an image; give (H, W, 3)"
            raise UserError(f"{name}: {what}") from error
    if not isinstance(photo, Image.Image):
        raise UserError(
            f"{name}: {type(photo).__name__} is not an image; give a path or a Pillow image"
        )
    if photo.mode in ("CMYK", "YCbCr", "LAB", "HSV", "F"):  # that PNG does not have
        photo = photo.convert("RGB")
    photo.save(file, "PNG", exif=photo.getexif())
    return str(getattr(photo, "filename", "") or name)
