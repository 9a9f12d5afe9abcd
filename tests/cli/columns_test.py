#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Output for people fits the terminal; programs and files get it whole."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unittest

from cli_support import CliTest, EXE, NETWORK, SOURCE

HAS_NAS = (EXE.parent / "tilewake-nas").exists()
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
# Long names, and every kind of layer.
LONG = NETWORK.replace("name: tiny", "name: network_with_a_name_of_32_bytes").replace(
    "name: block,", "name: first_stage.block_with_a_long_name.of_the_network,")


def in_terminal(*arguments, columns, cwd, env=None):
    """Exit code and output (both streams) of a command on a terminal of so many columns."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items()
                   if k not in ("COLUMNS", "NO_COLOR", "TILEWAKE_DATA_DIR")}
    environment.update({"TERM": "xterm"}, **(env or {}))
    with subprocess.Popen([EXE, *map(str, arguments)], cwd=cwd, env=environment, stdin=child,
                          stdout=child, stderr=child) as process:
        os.close(child)
        output = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not piece:
                break
            output += piece
    os.close(parent)
    return process.returncode, output.decode().replace("\r\n", "\n")


def lines_of(output):
    """The lines as they are shown: without escapes, each state of a line that is rewritten."""
    return [part.rstrip() for line in ESCAPE.sub("", output).split("\n")
            for part in line.split("\r")]


class ColumnsTest(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = None

    def setUp(self):
        super().setUp()
        self.write("long.yaml", LONG)

    def commands(self):
        """A small run of every command whose output is for people."""
        if ColumnsTest.model is None:
            self.expect_ok("calibrate", "--hw", "midap", "--networks", "8", "--out", "model.yaml", "-q")
            ColumnsTest.model = (self.dir / "model.yaml").read_text()
        self.write("model.yaml", ColumnsTest.model)
        machine = ["--hw", "midap"]
        yield ["simulate", *machine, "--net", "long.yaml"]
        yield ["simulate", *machine, "--net", "mobilenet_v2"]
        yield ["simulate", "--hw", "dsp_like", "--net", "shufflenet_v2_x1"]
        yield ["simulate", "--sweep", "--hw", "midap,dsp_like", "--net", "long.yaml,tiny.yaml",
               "--set", "dram.num_channels=1,2"]
        yield ["simulate", "--sweep", "--hw", "midap,tpu_like_128", "--net", "long.yaml,tiny.yaml",
               "--set", "dram.num_channels=1,2", "--set", "clock_mhz=500,1000"]
        yield ["predict", "--model", "model.yaml", "--net", "mobilenet_v2"]
        yield ["calibrate", *machine, "--networks", "8", "--out", "out.yaml"]
        yield ["check", *machine, "--net", "shufflenet_v2_x1", "-v"]
        for stream in ("read", "stride"):
            yield ["dram", "--hw", "midap_lpddr4", "--stream", stream]
        yield ["list"]
        yield ["new", "machine", "--kind", "systolic"]
        yield ["--help"]
        yield ["--version"]
        for command in ("simulate", "calibrate", "predict", "check", "dram", "list", "convert",
                        "new", "schema"):
            yield [command, "--help"]
        yield ["simulate", "--sweep", "--help"]
        if HAS_NAS:
            yield ["nas", "--help"]
            for command in ("run", "space", "compare", "schema"):
                yield ["nas", command, "--help"]
            yield ["nas", "space", "--hw", "midap,vpu_like", "--target-ms", "0.02,0.1", "--space",
                   "operators_synthetic", "--profile", "simulate"]

    def test_every_output_fits_the_terminal(self):
        for columns in (80, 200):
            for command in self.commands():
                with self.subTest(command, columns=columns):
                    (self.dir / "out.yaml").unlink(missing_ok=True)
                    code, output = in_terminal(*command, columns=columns, cwd=self.dir)
                    self.assertEqual(code, 0, output)
                    for line in lines_of(output):
                        self.assertLessEqual(len(line), columns, line)

    def test_a_failed_point_fits_but_for_its_error(self):
        code, output = in_terminal(
            "simulate", "--sweep", "--hw", "midap", "--net", "long.yaml", "--set",
            "core.wmem.extended_bank_bytes=131072,1", columns=80, cwd=self.dir)
        self.assertEqual(code, 3)
        *lines, error, _ = lines_of(output)
        self.assertRegex(error, "^tilewake: 1 of 2 points failed; ")  # one line, whole
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_columns_of_the_environment_come_first(self):
        command = ["simulate", "--hw", "midap", "--net", "mobilenet_v2"]
        for arguments in (command, ["check", "--hw", "midap", "--net", "resnet18", "-v"],
                          ["predict", "--help"]):
            for columns in (60, 80):
                lines = self.expect_ok(*arguments, env={"COLUMNS": str(columns)}).splitlines()
                self.assertLessEqual(max(map(len, lines)), columns)
        narrow = self.expect_ok(*command, env={"COLUMNS": "80"})
        self.assertIn("left out at this width: ", narrow)
        self.assertNotIn("stage1.0.depthwise0  depthwise_conv2d", narrow)
        self.assertRegex(narrow, r"(?m)^layer +op +cycles ")  # what a layer is stays
        for columns in ("", "0", "wide", "-5"):
            self.assertEqual(self.expect_ok(*command, env={"COLUMNS": columns}),
                             self.expect_ok(*command, env={"COLUMNS": "1000"}))

    def test_nothing_is_shortened_in_a_pipe_or_a_format_for_programs(self):
        command = ["simulate", "--hw", "midap", "--net", "long.yaml"]
        whole = self.expect_ok(*command)
        self.assertIn("depthwise_conv2d", whole)
        self.assertNotIn("left out", whole)
        for form in ("csv", "json"):
            self.assertEqual(self.expect_ok(*command, "--format", form),
                             self.expect_ok(*command, "--format", form, env={"COLUMNS": "40"}))
        for other in (["convert", "--net", "long.yaml"], ["schema", "network"]):
            self.assertEqual(self.expect_ok(*other), self.expect_ok(*other, env={"COLUMNS": "40"}))

    def test_the_answer_comes_first(self):
        lines = self.expect_ok("simulate", "--hw", "midap", "--net", "mobilenet_v2").splitlines()
        self.assertRegex(lines[0], r"^cycles: \d+ % \w+")
        self.assertEqual(sum(map(int, re.findall(r"(\d+) %", lines[0]))), 100)
        self.assertRegex(lines[1], r"^slowest layers: stage1\.0\.depthwise0 \(12\.0 %, compute\), ")
        lines = self.expect_ok("simulate", "--sweep", "--hw", "midap,dsp_like", "--net",
                               "tiny.yaml,long.yaml", "-q").splitlines()
        self.assertRegex(lines[0], r"^fastest for tiny.yaml: \w+: [\d.]+ ms$")

    def test_colors_are_on_terminals_only_and_not_with_no_color(self):
        command = ["simulate", "--hw", "midap", "--net", "tiny.yaml"]
        self.assertIn("\x1b[1m", in_terminal(*command, columns=80, cwd=self.dir)[1])
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn("\x1b", in_terminal(*command, columns=80, cwd=self.dir, env=env)[1])
        self.assertNotIn("\x1b", self.expect_ok(*command, env={"TERM": "xterm"}))

    def test_names_of_a_wide_terminal_are_whole(self):
        _, output = in_terminal("simulate", "--hw", "midap", "--net", "mobilenet_v2", columns=200,
                                cwd=self.dir)
        self.assertRegex(ESCAPE.sub("", output), r"(?m)^stage1\.0\.depthwise0 +depthwise_conv2d +")
        self.assertNotIn("left out", output)


if __name__ == "__main__":
    unittest.main()
