"""Figures of a model that draws none of its own.

N: samples, C: classes.
"""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from kindling.data.targets import target_mask
from kindling.evaluation.class_figures import confusion, draw_confusion
from kindling.evaluation.number_figures import draw_predicted
from kindling.training.metrics import Head
from kindling.training.module import EvalOutput


def draw_heads(
    heads: Mapping[str, Head], names: Mapping[str, str], outcome: EvalOutput
) -> dict[str, Figure]:
    """A confusion matrix of each head of classes, and predictions beside the truth of numbers.

    Args:
        heads: The model's.
        names: What each predicts, by head.
        outcome: Predictions and targets. Heads with several values a sample are left out.
    """
    figures = {}
    for name, head in heads.items():
        target = outcome.targets[name]
        if target.ndim != 1 or not (known := target_mask(target)).any():
            continue
        prediction, true = outcome.predictions[name][known], target[known].numpy()
        of = f"{name}_" if len(heads) > 1 else ""
        if head.classes:
            sure = prediction > 0.5 if prediction.ndim == 1 else prediction.argmax(1)
            count = confusion(true.astype(np.int64), sure.long().numpy(), len(head.classes))
            figures[f"{of}confusion_matrix"] = draw_confusion(count, head.classes)
        elif (value := head.point(prediction)).ndim == 1:
            figures[f"{of}predicted"] = draw_predicted(true, value.numpy(), names.get(name, name))
    return figures
