"""What the problems' tests share: a folder of their own for decoded photos."""

from collections.abc import Iterator

import pytest

from kindling.data import paths


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", tmp_path_factory.mktemp("cache"))
        yield
