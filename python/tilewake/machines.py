# SPDX-License-Identifier: Apache-2.0
"""Machines: NPUs that YAML describes. Keys and units: hw_configs/README.md."""
from . import _sources, _tilewake
from ._tilewake import Machine

__all__ = ["Machine", "read"]


def read(source, *, set=None):
    """Reads a machine.

    source: one of
      - a shipped name ("midap") or a path, a str or os.PathLike: what has a "/" or ends in .yaml
        is a path; a name is looked for in hw_configs/ of the current directory, in share/tilewake
        and above the Python executable, in this package, and in $TILEWAKE_DATA_DIR
      - YAML text: a str with a newline, or that begins with "{"
      - a dict with the structure of such a file
      - a Machine
    set: values that replace those of the file, by key: {"dram.num_channels": 4}

    Raises InputError "file:line: key: what", IoError if a file cannot be read.
    """
    values = _sources.settings(set)
    if isinstance(source, Machine):
        return _tilewake.with_settings(source, values) if values else source
    if isinstance(source, dict):
        return _tilewake.read_machine_text(_sources.text_of_dict(source, "dict"), "<dict>", values)
    if _sources.is_text(source):
        return _tilewake.read_machine_text(source, "<text>", values)
    return _tilewake.read_machine(_sources.path_bytes(source), values)
