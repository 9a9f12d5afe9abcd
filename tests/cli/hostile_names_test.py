# SPDX-License-Identifier: Apache-2.0
"""Whatever a name holds, an error is one line without control characters, and so is every line of
the log; and no other exit code than 2 or 3 follows."""
import os
import re
import shutil
import subprocess
import unittest

from cli_support import EXE, MACHINE, NETWORK, CliTest

NAMES = [b"a\x1b[31mb", b"a\nb", b"a\rb", b"a\tb", b"\xff\xfe", b"\xc2\x9b2J", b"\xe2\x80\xae",
         b"\xe2\x80\xa8", b"\x7f", b"caf\xc3\xa9", b"x" * 250]
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class HostileNamesTest(CliTest):
    def setUp(self):
        super().setUp()
        self.expect_ok("calibrate", "--hw", "machine.yaml", "--networks", "60", "--out",
                       "model.yaml", "-q")

    def run_bytes(self, *arguments):
        return subprocess.run([os.fsencode(EXE), *map(os.fsencode, arguments)], cwd=self.dir,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60)

    def expect_one_line(self, *arguments):
        result = self.run_bytes(*arguments)
        self.assertIn(result.returncode, (2, 3), (arguments, result))
        self.assertFalse(result.stdout)
        text = result.stderr.decode("utf-8")  # throws where it is not UTF-8
        self.assertRegex(text, r"\Atilewake: [^\n]+\n\Z")
        self.assertIsNone(CONTROL.search(text), (arguments, text))

    def expect_lines(self, code, *arguments):
        result = self.run_bytes(*arguments)
        self.assertEqual(result.returncode, code, (arguments, result))
        text = result.stderr.decode("utf-8")
        for line in text.splitlines():
            self.assertTrue(line.startswith("tilewake: "), (arguments, text))
        self.assertIsNone(CONTROL.search(text.replace("\n", "")), (arguments, text))
        return result

    def test_unknown_commands_options_and_values(self):
        for name in NAMES:
            with self.subTest(name):
                self.expect_one_line(name)
                for command in ("check", "simulate", "calibrate", "predict", "dram", "convert"):
                    self.expect_one_line(command, name)
                    self.expect_one_line(command, b"--" + name)
                    self.expect_one_line(command, b"-" + name)
                machine = ["--hw", "machine.yaml"]
                net = ["--net", "tiny.yaml"]
                self.expect_one_line("simulate", *machine, *net, "--set", name)
                self.expect_one_line("simulate", *machine, *net, "--set", b"core.num_cims=" + name)
                self.expect_one_line("simulate", *machine, *net, "--set", name + b"=1")
                self.expect_one_line("simulate", *machine, *net, "--format", name)
                self.expect_one_line("simulate", *machine, *net, "--max-steps", name)
                self.expect_one_line("simulate", *machine, *net, "--input-shape", name)
                self.expect_one_line("dram", *machine, "--stream", name)
                self.expect_one_line("dram", *machine, "--stream", "read", "--bytes", name)
                self.expect_one_line("calibrate", *machine, "--networks", name)

    def test_files_that_do_not_exist(self):
        for name in NAMES:
            with self.subTest(name):
                for path in (name, name + b".yaml", b"./" + name + b".csv", name + b".onnx"):
                    self.expect_one_line("check", "--hw", path)
                    self.expect_one_line("simulate", "--hw", "machine.yaml", "--net", path)
                    self.expect_one_line("simulate", "--hw", path, "--net", "tiny.yaml")
                    self.expect_one_line("dram", "--hw", path, "--stream", "read")
                    self.expect_one_line("calibrate", "--hw", path)
                    self.expect_one_line("calibrate", "--hw", "machine.yaml", "--trace",
                                         b"./" + path)
                    self.expect_one_line("predict", "--model", b"./" + path, "--net", "tiny.yaml")
                    self.expect_one_line("predict", "--model", "model.yaml", "--net", path)
                    self.expect_one_line("convert", "--net", path, "--out", "out.yaml")
                    self.expect_one_line("report", b"./" + path)
                self.expect_one_line("simulate", "--hw", "machine.yaml", "--net", "tiny.yaml",
                                     "--out", b"tiny.yaml/" + name)
                self.expect_one_line("convert", "--net", "tiny.yaml", "--out",
                                     b"tiny.yaml/" + name + b".yaml")

    def test_files_with_such_names_and_bad_contents(self):
        for name in NAMES[:-1]:
            with self.subTest(name):
                path = os.fsencode(self.dir) + b"/" + name + b".yaml"
                with open(path, "wb") as file:
                    file.write(b"nonsense: [\x01")
                self.expect_one_line("check", "--hw", path)
                self.expect_one_line("simulate", "--hw", "machine.yaml", "--net", path)
                self.expect_one_line("predict", "--model", path, "--net", "tiny.yaml")
                os.remove(path)

    def test_sweeps_and_their_logs(self):
        for name in NAMES:
            with self.subTest(name):
                shutil.rmtree(self.dir / "run", ignore_errors=True)
                net = b"tiny.yaml,./" + name
                self.expect_lines(3, "simulate", "--sweep", "--hw", "machine.yaml", "--net", net,
                                  "--out", "run", "-v")
                self.expect_one_line("simulate", "--sweep", "--hw", "machine.yaml", "--net",
                                     "tiny.yaml", "-q", "--set", b"core.num_cims=" + name)

    def test_names_inside_of_files(self):
        escapes = ['"a\\eb"', '"a\\nb"', '"\\x9b2J"', '"\\u202e"', '"\\x7f"', '"a\\0b"', "'é'"]
        for name in escapes:
            with self.subTest(name):
                self.write("machine2.yaml", MACHINE.replace("name: midap", f"name: {name}"))
                self.write("net2.yaml", NETWORK.replace("name: tiny", f"name: {name}"))
                self.write("net3.yaml", NETWORK.replace("name: stem", f"name: {name}"))
                self.write("net4.yaml", NETWORK.replace("op: conv2d", f"op: {name}", 1))
                for hardware, network in (("machine2", "tiny"), ("machine", "net2"),
                                          ("machine", "net3"), ("machine", "net4")):
                    result = self.run_bytes("simulate", "--hw", hardware + ".yaml", "--net",
                                            network + ".yaml", "-v")
                    self.assertIn(result.returncode, (0, 3))
                    for text in (result.stderr.decode("utf-8"), result.stdout.decode("utf-8")):
                        self.assertIsNone(CONTROL.search(text.replace("\n", "")), text)
                    if result.returncode == 3:
                        self.assertEqual(result.stderr.count(b"\n"), 1)


if __name__ == "__main__":
    unittest.main()
