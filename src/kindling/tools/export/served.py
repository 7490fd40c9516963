"""The part of a model that is exported: tensors by name to predictions by name.

B: batch.
"""

from typing import Any

import torch
from torch import Tensor, nn

from kindling.errors import UserError
from kindling.training.metrics import Heads
from kindling.training.module import Module


class Served(nn.Module):
    """What ``predict`` does with a batch, of those of its fields alone that it looks at.

    Args:
        model: The model; what normalizes and what makes probabilities is a part of it.
        example: A batch of the problem's own kind.

    Shape:
        Fields by name, each ``(B, ...)``, to predictions by head, each ``(B,)`` or ``(B, C)``.

    Raises:
        UserError: The predictions depend on no field.
    """

    def __init__(self, model: Module, example: Any) -> None:
        super().__init__()
        self.model, self.kind = model, type(example)
        looked_at = _looked_at(model, example)
        # A field without columns, such as a calendar that is switched off, is no input.
        self.inputs = [name for name in looked_at if getattr(example, name).numel()]
        self.empty = {name: getattr(example, name)[:0] for name in looked_at}
        for name in self.inputs:
            del self.empty[name]
        if not self.inputs:
            raise UserError(f"{type(model).__qualname__}: predicts from no field of a batch")

    def forward(self, inputs: dict[str, Tensor]) -> Heads:
        rows = inputs[self.inputs[0]].shape[0]
        empty = {k: v.new_empty((rows, *v.shape[1:])) for k, v in self.empty.items()}
        fields = dict.fromkeys(self.kind._fields) | inputs | empty
        return self.model.predict(self.kind(**fields))

    def fields(self, batch: Any) -> dict[str, Tensor]:
        """What of a batch goes in."""
        return {name: getattr(batch, name) for name in self.inputs}


class _Watched:
    """A batch that notes which of its fields are looked at."""

    def __init__(self, batch: Any) -> None:
        self.batch, self.names = batch, dict[str, None]()

    def __getattr__(self, name: str) -> Any:
        if name in self.batch._fields:
            self.names[name] = None
        return getattr(self.batch, name)


def _looked_at(model: Module, batch: Any) -> list[str]:
    watched = _Watched(batch)
    with torch.no_grad():
        model.predict(watched)
    return [name for name in batch._fields if name in watched.names]
