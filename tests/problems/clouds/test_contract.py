from pathlib import Path

from kindling.testing import Fault, ProblemContract
from tests.problems.clouds.conftest import write_photos


def break_photo(root: Path) -> None:
    (root / "clouds_train" / "blue sky" / "3.png").write_bytes(b"no photo")


class TestClouds(ProblemContract):
    task = "clouds"
    data = {"image_size": 24, "batch_size": 8}
    model = {"channels": [8, 16], "dropout": 0.3}
    trainer = {"max_epochs": 5}
    beats = ("accuracy",)

    @classmethod
    def write(cls, folder: Path) -> Path:
        return write_photos(folder)

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        return {
            "no folder": super().faults()["no folder"],
            "no test": Fault("no such folder (--data.test)", data={"test": "mine"}),
            "broken": Fault("3.png: not an image that Pillow reads; replace or", break_photo),
            "net": Fault("model.net=resnet19: neither a net of ours", model={"net": "resnet19"}),
            "weights": Fault("weights=DEFAULT: conv has none", model={"weights": "DEFAULT"}),
            "dropout": Fault("model.dropout=1.0", model={"dropout": 1.0}),
            "classes": Fault("is computed from the data", model={"classes": ["a", "b"]}),
            "image_size": Fault("is computed from the data", model={"image_size": 64}),
        }
