"""The command: trace, write, check, and only then put the files where they belong."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from kindling.errors import UserError, short
from kindling.runs.folder import shown, write_json
from kindling.tools.export import check, write
from kindling.tools.export.card import NAME, card
from kindling.tools.export.load import Trained, load
from kindling.tools.export.served import Served
from kindling.tools.export.write import FILES, Format
from kindling.training.metrics import Heads

FOLDER = "export"


def export(run: str, formats: tuple[Format, ...], flags: Sequence[str], console: Console) -> Path:
    """Write a run's best checkpoint into ``<run>/export``.

    What an earlier export left there is replaced, once everything is checked.

    Args:
        run: The run's folder.
        formats: To write.
        flags: Over the run's own configuration.
        console: For what was found.

    Returns:
        The folder.

    Raises:
        UserError: A package, the run or its data are missing, the model cannot be exported, or a
            file says something else than the checkpoint.
    """
    write.require(formats)
    trained = load(run, flags)
    folder = trained.run / FOLDER
    try:
        with tempfile.TemporaryDirectory(prefix=f".{FOLDER}-", dir=trained.run) as unfinished:
            _make(trained, formats, Path(unfinished), console)
            _publish(Path(unfinished), folder)
    except OSError as error:
        raise UserError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); see to it and "
            "export again"
        ) from error
    there = ", ".join(f"{p.name} {short(p.stat().st_size / 1000)} kB" for p in _files(folder))
    console.print(f"written      {shown(folder)}: {there}")
    return folder


def _make(trained: Trained, formats: tuple[Format, ...], folder: Path, console: Console) -> None:
    """All files, checked."""
    served = Served(trained.model, trained.samples).eval()
    inputs = served.fields(trained.samples)
    with torch.no_grad():
        expected = {head: v.detach() for head, v in trained.model.predict(trained.samples).items()}
    _check_names(served, expected)
    program = write.trace(served, inputs)
    found: dict[Format, dict[str, float]] = {}
    for form in formats:
        path = folder / FILES[form]
        if form == "torch":
            write.to_torch(program, path)
        else:
            write.to_onnx(served, program, list(expected), path)
        with write.refused(served, f"run from {path.name}"):
            apart = check.differences(check.OPEN[form](path), inputs, expected)
        found[form] = check.shares(apart, expected, trained.model.heads)
        check.refuse(found[form], form, trained.run)
    write_json(folder / NAME, card(trained, inputs, expected, found))
    _report(found, inputs, console)


def _check_names(served: Served, expected: Heads) -> None:
    if both := sorted(set(served.inputs) & expected.keys()):
        raise UserError(
            f"{both[0]}: a field of the batch and a head, but an exported model has one thing of "
            "a name: rename one"
        )


def _report(
    found: dict[Format, dict[str, float]], inputs: dict[str, Tensor], console: Console
) -> None:
    samples = len(next(iter(inputs.values())))
    tried = ", ".join(map(str, check.sizes(samples)))
    console.print(f"checked      on {samples} test samples, in batches of {tried}")
    for form, values in found.items():
        for name, value in values.items():
            console.print(f"difference   {FILES[form]}, {name}: {value:.2g} at most")


def _publish(unfinished: Path, folder: Path) -> None:
    """Move the files; the description goes first and comes last, so that it is never of others."""
    folder.mkdir(exist_ok=True)
    for path in reversed(_files(folder)):
        path.unlink()
    for path in _files(unfinished):
        path.replace(folder / path.name)


def _files(folder: Path) -> list[Path]:
    """An export's files, the description last."""
    return [folder / name for name in (*FILES.values(), NAME) if (folder / name).is_file()]
