"""Linear layers with an activation between them.

B: batch, F: features.
"""

from collections.abc import Sequence
from typing import Literal

from torch import nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class Perceptron(nn.Sequential):
    """Linear layers with an activation between them, and one logit.

    Args:
        inputs: Features, after normalization.
        hidden: Widths of the hidden layers.
        activation: Function after each hidden layer.
        batch_norm: Batch normalization between a hidden layer and its activation.
        init: Weights of the hidden layers, by PyTorch's default or by He et al.
        dropout: Share of each hidden layer that is dropped in training.

    Shape:
        ``(B, F)`` to ``(B, 1)``.

    References:
        He et al., Delving Deep into Rectifiers, 2015, arXiv:1502.01852
        Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        activation: str,
        batch_norm: bool,
        init: Literal["default", "kaiming"],
        dropout: float,
    ) -> None:
        super().__init__()
        for number, width in enumerate(hidden, 1):
            layer = nn.Linear(inputs, width)
            if init == "kaiming":
                # By the gain of ReLU, whatever the activation, as the course does.
                nn.init.kaiming_uniform_(layer.weight)
            self.add_module(f"hidden_{number}", layer)
            if batch_norm:
                self.add_module(f"norm_{number}", nn.BatchNorm1d(width))
            self.add_module(f"activation_{number}", ACTIVATIONS[activation]())
            if dropout:
                self.add_module(f"dropout_{number}", nn.Dropout(dropout))
            inputs = width
        self.add_module("output", nn.Linear(inputs, 1))
