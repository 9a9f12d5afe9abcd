#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints docs/python_api.md: the signatures and docstrings of the Python package.

usage: PYTHONPATH=build/release/python scripts/python_api_page.py > docs/python_api.md
"""
import inspect

import tilewake

FUNCTIONS = [(tilewake.simulate, "tilewake.simulate"), (tilewake.sweep, "tilewake.sweep"),
             (tilewake.explain, "tilewake.explain"), (tilewake.explore, "tilewake.explore"),
             (tilewake.calibrate, "tilewake.calibrate"), (tilewake.predict, "tilewake.predict"),
             (tilewake.load_model, "tilewake.load_model"), (tilewake.fit, "tilewake.fit"),
             (tilewake.machines.read, "tilewake.machines.read"),
             (tilewake.networks.read, "tilewake.networks.read"),
             (tilewake.networks.from_torch, "tilewake.networks.from_torch")]
CLASSES = [tilewake.Simulation, tilewake.Prediction, tilewake.Machine, tilewake.Network,
           tilewake.LatencyModel, tilewake.Fit]


def signature_of(function, name):
    """`name(a, b, *, c=1)`, with the name of a constant in place of a large number."""
    parameters = str(inspect.signature(function))
    return name + parameters.replace(f"={tilewake.DEFAULT_MAX_STEPS}", "=DEFAULT_MAX_STEPS")


def text_block(text):
    return f"```text\n{text}\n```\n"


def members_of(cls):
    """(name, first sentences) of the public properties and methods, in alphabetical order."""
    for name, member in inspect.getmembers(cls):
        text = inspect.getdoc(member)
        if name.startswith("_") or not text:
            continue
        if callable(member):
            name += "()"
            if text.startswith(f"{name[:-2]}(self: "):  # pybind11 puts the signature first
                text = text.split("\n\n", 1)[-1]
        yield name, " ".join(text.split()).replace("|", "\\|")


def main():
    print("# Python: functions and classes\n\n"
          "<!-- Written by scripts/python_api_page.py: change the docstrings. -->\n\n"
          "[python.md](python.md) shows them at work.\n")
    print(text_block(inspect.getdoc(tilewake)))
    for function, name in FUNCTIONS:
        print(f"## `{name}`\n")
        print(text_block(f"{signature_of(function, name)}\n\n{inspect.getdoc(function)}"))
    for cls in CLASSES:
        print(f"## `tilewake.{cls.__name__}`\n\n" + text_block(inspect.getdoc(cls)))
        print("| member | meaning |\n|---|---|")
        for name, text in members_of(cls):
            print(f"| `{name}` | {text} |")
        print()
    print("## Errors\n\n| class | bases |\n|---|---|")
    for name in tilewake.__all__:
        error = getattr(tilewake, name)
        if inspect.isclass(error) and issubclass(error, tilewake.Error):
            bases = ", ".join(f"`{base.__name__}`" for base in error.__bases__)
            print(f"| `tilewake.{name}` | {bases} |")


main()
