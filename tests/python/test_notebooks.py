# SPDX-License-Identifier: Apache-2.0
"""The notebooks of examples/python run, and draw the pictures that the documents show."""
import importlib.util
import json
import re
import subprocess
import sys

import pytest
import support

NOTEBOOKS = sorted((support.SOURCE / "examples/python").glob("*.ipynb"))
LARGEST_PICTURE = 150_000  # bytes

needs_jupyter = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None
        for name in ("nbclient", "ipykernel", "pandas", "matplotlib")),
    reason="nbclient, ipykernel, pandas or matplotlib is not installed")


def pictures_of(notebook):
    return set(re.findall(r'savefig\(\\"(.+?)\\"\)', notebook.read_text()))


@needs_jupyter
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_and_draws(notebook, tmp_path):
    result = subprocess.run(
        [sys.executable, "-B", str(support.SOURCE / "scripts/run_notebook.py"), str(tmp_path),
         str(notebook)], capture_output=True, text=True, check=False, timeout=280)
    assert result.returncode == 0, result.stderr
    drawn = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}
    assert set(drawn) == pictures_of(notebook) != set()
    for picture in drawn.values():
        assert picture.startswith(b"\x89PNG") and 5_000 < len(picture) < LARGEST_PICTURE


def test_documents_show_every_picture():
    pictures = set().union(*map(pictures_of, NOTEBOOKS))
    text = (support.SOURCE / "docs/python.md").read_text()
    assert set(re.findall(r"\]\(pictures/(.+?)\)", text)) == pictures
    for name in pictures:
        assert (support.SOURCE / "docs/pictures" / name).stat().st_size < LARGEST_PICTURE


def test_notebooks_are_committed_without_outputs():
    for notebook in NOTEBOOKS:
        for cell in json.loads(notebook.read_text())["cells"]:
            if cell["cell_type"] == "code":
                assert cell["outputs"] == [] and cell["execution_count"] is None


def test_reference_page_is_that_of_the_docstrings():
    page = subprocess.run(
        [sys.executable, "-B", str(support.SOURCE / "scripts/python_api_page.py")],
        capture_output=True, text=True, check=True, timeout=60).stdout
    assert (support.SOURCE / "docs/python_api.md").read_text() == page, "run scripts/update_docs.sh"
