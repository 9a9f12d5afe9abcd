#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print docs/formats.md with the tables that the program gives; --write replaces the file.

A table follows a line `<!-- tilewake schema KIND -->`. tests/cli/schema_test.py compares the two.
"""
import argparse
import pathlib
import re
import subprocess

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs/formats.md"
TABLE = re.compile(r"(?m)^<!-- tilewake schema (\w+) -->\n(?:\|.*\n)*")


def kinds():
    """The kinds of files whose tables are on the page, in order."""
    return TABLE.findall(PAGE.read_text())


def page_of(program, known):
    """The page with the tables of the kinds in `known` as `program` prints them."""
    def table(match):
        kind = match[1]
        if kind not in known:
            return match[0]
        result = subprocess.run([program, "schema", kind, "--format", "markdown"], check=True,
                                capture_output=True, text=True)
        return f"<!-- tilewake schema {kind} -->\n{result.stdout}"
    return TABLE.sub(table, PAGE.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="build/release/tilewake")
    parser.add_argument("--write", action="store_true", help="replace docs/formats.md")
    arguments = parser.parse_args()
    page = page_of(arguments.program, kinds())
    if arguments.write:
        PAGE.write_text(page)
    else:
        print(page, end="")


if __name__ == "__main__":
    main()
