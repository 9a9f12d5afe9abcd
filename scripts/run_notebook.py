#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs notebooks; the files that they write are in DIR. Fails with the first error of a cell.

usage: PYTHONPATH=build/release/python scripts/run_notebook.py DIR NOTEBOOK...
"""
import os
import sys
import tempfile

import nbclient
import nbformat


def main(directory, *paths):
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(IPYTHONDIR=scratch, JUPYTER_RUNTIME_DIR=scratch, MPLBACKEND="agg",
                          PYDEVD_DISABLE_FILE_VALIDATION="1")  # suppresses a warning
        for path in paths:
            notebook = nbformat.read(path, as_version=4)
            nbclient.NotebookClient(notebook, kernel_name="python3", timeout=200,
                                    resources={"metadata": {"path": directory}}).execute()


main(*sys.argv[1:])
