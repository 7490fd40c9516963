"""What predictions score that take no training: the baselines of a problem, on validation."""

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from kindling.data.datamodule import DataModule
from kindling.errors import short
from kindling.evaluation.callback import gathered
from kindling.evaluation.results import score_heads
from kindling.tools.check.finding import Section
from kindling.training.metrics import detach_float32
from kindling.training.module import EvalOutput, Module


def check_trivial(data: DataModule, model: Module, section: Section) -> None:
    """Add the scores of the baselines, the first with its interval."""
    batches = []
    with torch.no_grad():
        for batch in data.val_dataloader():
            step = model.step(batch)
            message = detach_float32(step.predictions)
            batches.append(EvalOutput(batch.indices, message, step.targets, model.baselines(batch)))
    outcome = gathered(batches)
    assert outcome is not None
    block = data.block_length(len(outcome.indices))
    names = list(outcome.baselines)
    scores = [score_heads(model, outcome.baselines[n], outcome.targets, block) for n in names]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("on validation")
    for k, name in enumerate(names):
        table.add_column(name, justify="right")
        if k == 0:
            table.add_column("95 % interval", justify="right", no_wrap=True)
    for metric, first in scores[0].items():
        interval = f"{short(first['low'])} to {short(first['high'])}"
        others = (short(s[metric]["value"]) if metric in s else "" for s in scores[1:])
        table.add_row(metric, short(first["value"]), interval, *others)
    section.tables.append(table)
