#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scripts/setup.sh installs, with programs in place of apt-get and dpkg-query."""
import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(os.environ["TILEWAKE_SOURCE_DIR"]) / "scripts/setup.sh"


class SetupTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        for name, line in [("dpkg-query", "exit 1"), ("id", "echo 0"),
                           ("apt-get", f'echo "$@" >>{self.dir}/calls')]:
            program = self.dir / name
            program.write_text(f"#!/bin/sh\n{line}\n")
            program.chmod(0o755)

    def setup(self, *arguments):
        return subprocess.run(["/bin/sh", SCRIPT, *arguments], capture_output=True, text=True,
                              check=False, timeout=60,
                              env={**os.environ, "PATH": f"{self.dir}:{os.environ['PATH']}"})

    def installed(self, *arguments):
        result = self.setup(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        last = (self.dir / "calls").read_text().splitlines()[-1].split()
        self.assertIn("install", last)
        return {word for word in last[last.index("install") + 1:] if not word.startswith("-")}

    def test_simulator_needs_neither_torch_nor_opencv_nor_clang(self):
        simulator = self.installed("--simulator")
        self.assertLessEqual({"g++", "cmake", "libsystemc-dev"}, simulator)
        for name in simulator:
            self.assertNotRegex(name, "torch|opencv|clang|gtest|python")

    def test_larger_choices_contain_smaller_ones(self):
        simulator = self.installed("--simulator")
        python = self.installed("--simulator", "--python")
        self.assertEqual(python - simulator, {"pybind11-dev", "python3-dev"})
        search = self.installed("--search")
        self.assertLess(simulator, search)
        self.assertIn("dataset-fashion-mnist", search)
        everything = self.installed()
        self.assertLess(python | search, everything)
        self.assertIn("libtorch-dev", everything)

    def test_wrong_arguments_exit_2_and_install_nothing(self):
        for arguments in (["--python"], ["--simulator", "x"], ["--search", "--python"], ["x"]):
            self.assertEqual(self.setup(*arguments).returncode, 2)
        self.assertFalse((self.dir / "calls").exists())


if __name__ == "__main__":
    unittest.main()
