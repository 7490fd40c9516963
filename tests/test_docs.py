"""The site of the pages, and the notebook."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest

from kindling.data import paths

NOTEBOOK = paths.PROJECT / "notebooks" / "tour.ipynb"
WORDS = 900
SHIPPED = ("clouds", "faces", "potability", "prices", "timeseries")
"""Problems whose pages go with them when they are deleted."""


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((paths.PROJECT / "README.md").read_text().split()) <= WORDS


def test_every_link_between_pages_leads_somewhere() -> None:
    for page in (paths.PROJECT / "README.md", *sorted((paths.PROJECT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            deleted = Path(link).stem in SHIPPED and Path(link).suffix == ".md"
            assert deleted or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=paths.PROJECT, check=True)
    reference = (tmp_path / "reference" / "index.html").read_text()
    assert "Load a run's best checkpoint" in reference


def test_the_notebook_keeps_its_outputs() -> None:
    """Whoever reads it on the web sees them; the test below shows that they are of this code."""
    cells = [c for c in json.loads(NOTEBOOK.read_text())["cells"] if c["cell_type"] == "code"]
    assert len(cells) == 12
    assert [cell["execution_count"] for cell in cells] == list(range(1, 13))
    assert all(cell["outputs"] for cell in cells)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of Jupyter's own parts
def test_the_notebook_runs(tmp_path: Path) -> None:
    pytest.importorskip("problems.potability.data")
    notebook = nbformat.read(shutil.copy(NOTEBOOK, tmp_path), as_version=4)
    nbclient.NotebookClient(notebook, timeout=300).execute()
    assert "no column 'load'" in notebook.cells[-1]["outputs"][0]["text"]
