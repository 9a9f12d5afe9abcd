# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: the executable, a directory with inputs, expectations.

A test file is run as: NAME_test.py [TILEWAKE SOURCE_DIR] [unittest options]
(or with $TILEWAKE_EXE and $TILEWAKE_SOURCE_DIR, as ctest sets them)
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

if len(sys.argv) > 2 and not sys.argv[1].startswith("-"):
    os.environ["TILEWAKE_EXE"], os.environ["TILEWAKE_SOURCE_DIR"] = sys.argv[1:3]
    del sys.argv[1:3]
EXE = pathlib.Path(os.environ["TILEWAKE_EXE"]).resolve()
SOURCE = pathlib.Path(os.environ["TILEWAKE_SOURCE_DIR"]).resolve()
# Shipped networks with layers that MIDAP does not have.
OTHER_NETWORKS = ("bert_tiny", "deit_tiny", "lraspp_mobilenet_v3", "m5", "unet", "yolov8n")
TIMEOUT = 60
WIDE = {"COLUMNS": "1000"}  # an environment in which no line of help is broken
HAS_ASAN = b"__asan_init" in EXE.read_bytes()

MACHINE = (SOURCE / "hw_configs/midap.yaml").read_text()
NETWORK = """\
name: tiny
input: {channels: 3, height: 32, width: 32}
layers:
  - {name: stem, op: conv2d, out_channels: 32, kernel: 3, stride: 2}
  - {name: block, op: mbconv, kernels: [3], expansion_ratios: [2], out_channels: 32, stride: 1}
  - {name: head, op: conv2d, out_channels: 64, kernel: 1}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 10}
"""


class CliTest(unittest.TestCase):
    """Each test has an empty current directory with tiny.yaml and machine.yaml in it."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="tilewake-cli-")
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name).resolve()
        (self.dir / "tiny.yaml").write_text(NETWORK)
        (self.dir / "machine.yaml").write_text(MACHINE)
        self.simulate = ["simulate", "--hw", "machine.yaml", "--net", "tiny.yaml"]

    def run_tilewake(self, *arguments, exe=EXE, env=None, **options):
        environment = {k: v for k, v in os.environ.items() if k != "TILEWAKE_DATA_DIR"}
        environment.update(env or {})
        return subprocess.run(
            [str(exe), *map(str, arguments)], cwd=options.pop("cwd", self.dir), env=environment,
            timeout=TIMEOUT, stdin=subprocess.DEVNULL,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options})

    def expect_ok(self, *arguments, **options):
        result = self.run_tilewake(*arguments, **options)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout

    def expect_error(self, code, pattern, *arguments, **options):
        """Exit code `code`, nothing on standard output, on standard error a line for each error, of
        which one matches."""
        result = self.run_tilewake(*arguments, **options)
        self.assertEqual(result.returncode, code, (arguments, result.stderr[-2000:]))
        self.assertFalse(result.stdout)
        self.assertRegex(result.stderr, r"\A(tilewake: [^\n]+\n)+\Z")
        self.assertRegex(result.stderr, pattern)
        return result.stderr

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def texts_in(self, directory="."):
        return {str(p.relative_to(self.dir / directory)): p.read_text()
                for p in sorted((self.dir / directory).rglob("*")) if p.is_file()}

    def names_in(self, directory="."):
        return sorted(p.name for p in (self.dir / directory).iterdir())
