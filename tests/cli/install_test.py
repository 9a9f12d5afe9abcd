#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installed library: found by CMake from outside the checkout, complete, and movable."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["TILEWAKE_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["TILEWAKE_BUILD_DIR"])


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False, **options)
    assert result.returncode == 0, f"{command}: {result.stdout}\n{result.stderr}"
    return result.stdout


def cache_value(key):
    """A value of the build's CMake cache."""
    match = re.search(rf"^{key}:\w+=(.*)$", (BUILD / "CMakeCache.txt").read_text(), re.MULTILINE)
    return match[1] if match else ""


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.dir = pathlib.Path(scratch.name)
        cls.prefix = cls.dir / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix, "--component", "library")
        shutil.copytree(SOURCE / "examples" / "cpp", cls.dir / "example")
        # The sanitizers of this build, if it has any, must be in the program, too.
        run("cmake", "-G", "Ninja", "-S", cls.dir / "example", "-B", cls.dir / "build",
            f"-DCMAKE_PREFIX_PATH={cls.prefix}", f"-DCMAKE_CXX_FLAGS={cache_value('CMAKE_CXX_FLAGS')}")
        run("cmake", "--build", cls.dir / "build")

    def run_example(self, *arguments, **variables):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("TILEWAKE_")}
        return run(self.dir / "build" / "example", *arguments, cwd=self.dir,
                   env={**environment, **variables})

    def test_example_reports_what_the_command_reports(self):
        for machine, network in (("midap", "resnet18"), ("tpu_like_128", "mobilenet_v2")):
            with self.subTest(machine=machine):
                lines = self.run_example(machine, network).splitlines()
                cycles = [int(line.split()[-2]) for line in lines if line.endswith(" cycles")]
                expected = json.loads(run(os.environ["TILEWAKE_EXE"], "simulate", "--hw", machine,
                                          "--net", network, "--format", "json", cwd=SOURCE))
                self.assertEqual(cycles, [row["total_cycles"] for row in expected["layers"]])
                simulated, predicted = (float(line.split()[1]) for line in lines[-2:])
                self.assertAlmostEqual(simulated, expected["latency_ms"], places=4)
                self.assertAlmostEqual(predicted / simulated, 1.0, delta=0.1)

    def test_library_finds_its_data_where_it_was_moved(self):
        moved = self.dir / "moved"
        shutil.copytree(self.prefix, moved, symlinks=True)
        self.prefix.rename(self.dir / "away")
        try:
            library = next(moved.rglob("libtilewake.so")).parent
            self.assertIn("simulated:", self.run_example("midap", "resnet18",
                                                         LD_LIBRARY_PATH=str(library)))
        finally:
            (self.dir / "away").rename(self.prefix)

    def test_public_headers_are_complete_and_name_no_other_library(self):
        include = self.prefix / "include" / "tilewake"
        headers = list(include.rglob("*.hpp"))
        self.assertGreater(len(headers), 10)
        for header in headers:
            for line in header.read_text().splitlines():
                own = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
                if own:
                    self.assertTrue((include / own[1]).is_file(), f"{header}: {line}")
                self.assertNotRegex(line, r"#\s*include\s*<(yaml-cpp|fmt|nlohmann|boost|spdlog|"
                                          r"systemc|Eigen|torch)")


if __name__ == "__main__":
    unittest.main()
