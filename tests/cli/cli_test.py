#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Commands, exit codes, messages and names, as a user meets them."""
import json
import os
import re
import shutil
import time
import unittest

from cli_support import CliTest, EXE, MACHINE, NETWORK, OTHER_NETWORKS, SOURCE, WIDE


class UsageTest(CliTest):
    def test_what_is_no_command_line_exits_2(self):
        for pattern, *arguments in [
                ("no command; one of check, simulate", ),
                ("unknown command 'simulat'", "simulat"),
                ("unknown command '--hw'", "--hw", "midap", "simulate"),
                ("unknown command '--version'", "--version", "now"),
                ("unknown command ''", ""),
                ("option '--hw' is required", "simulate"),
                ("option '--net' is required", "simulate", "--hw", "machine.yaml"),
                ("option '--hw' is required", "check"),
                ("argument for option '--hw' is missing", "check", "--hw"),
                ("'--hw' needs a value, but '--net' follows", "simulate", "--hw", "--net", "x"),
                ("argument for option '--hw' is missing", "check", "--hw", "-v"),
                ("'--hw' needs a value, but '-' follows", "check", "--hw", "-"),
                ("'--seed' must not be negative: '-1'", "calibrate", "--hw", "midap",
                 "--seed=-1"),
                ("'--hw' has an empty value", "check", "--hw", ""),
                ("'--hw'", "check", "--hw="),
                ("'--net' has an empty value", "check", "--hw", "machine.yaml", "--net", ""),
                ("unrecognised option '--bogus'", *self.simulate, "--bogus"),
                ("unrecognised option '--time'", *self.simulate, "--time", "--out", "x"),
                ("unrecognised option '--forma'", *self.simulate, "--forma", "csv"),
                ("unrecognised option '-x'", *self.simulate, "-x"),
                ("unexpected argument 'extra'", *self.simulate, "extra"),
                ("unexpected argument 'extra'", *self.simulate, "--", "extra"),
                ("unexpected argument '@file'", *self.simulate, "@file"),
                ("'--hw' cannot be specified more than once", *self.simulate, "--hw", "midap"),
                ("'--verbose' cannot be specified more than once", *self.simulate, "-v", "-v"),
                ("'--format' cannot be", *self.simulate, "--format", "csv", "--format", "csv"),
                ("--verbose and --quiet contradict", *self.simulate, "-v", "-q"),
                ("--timeline needs --out", *self.simulate, "--timeline"),
                ("--force needs --out", *self.simulate, "--force"),
                ("'--timeline' does not take any", *self.simulate, "--timeline=1", "--out", "x"),
                ("--format must be one of table, csv, json", *self.simulate, "--format", "xml"),
                ("'--format' has an empty value", *self.simulate, "--format", ""),
                ("'--out' has an empty value", *self.simulate, "--out", ""),
        ]:
            with self.subTest(arguments):
                self.expect_error(2, pattern, *arguments)
        self.assertEqual(self.names_in(), ["machine.yaml", "tiny.yaml"])

    def test_a_misspelled_word_suggests_the_nearest_one(self):
        self.write("hw_configs/toy.yaml", MACHINE)
        self.write("bad.yaml", MACHINE.replace("num_cims: 16", "num_cim: 16\n  hue: 1"))
        self.write("net.yaml", NETWORK.replace("op: conv2d", "op: conv3d"))
        for code, nearest, *arguments in [
                (2, "simulate", "simulat"),
                (2, "--version", "--versoin"),
                (2, "--format", *self.simulate, "--forma", "csv"),
                (2, "--quiet", *self.simulate, "--quite"),
                (2, "json", *self.simulate, "--format", "jsn"),
                (2, "stride", "dram", "--hw", "machine.yaml", "--stream", "strid"),
                (3, "toy", "check", "--hw", "tyo"),
                (3, "num_cims", "check", "--hw", "machine.yaml", "--set", "core.num_cim=1"),
                (3, "conv2d", "check", "--hw", "machine.yaml", "--net", "net.yaml"),
        ]:
            with self.subTest(arguments):
                self.expect_error(code, f"did you mean '{nearest}'[?]", *arguments)
        for arguments in (["abacus"], [*self.simulate, "--abacus"], ["check", "--hw", "abacus"]):
            with self.subTest(arguments):
                result = self.run_tilewake(*arguments)
                self.assertNotIn("did you mean", result.stderr)

    def test_usage_is_checked_before_any_file(self):
        self.expect_error(2, "--format", "simulate", "--hw", "no.yaml", "--net", "no.yaml",
                          "--format", "xml")

    def test_help_lists_every_command(self):
        for name in ("--help", "-h"):
            text = self.expect_ok(name)
            self.assertRegex(text, r"(?m)^  check +\w")
            self.assertRegex(text, r"(?m)^  simulate +\w")
            self.assertEqual(re.findall(r"(?m)^  (\w+)", text),
                             ["check", "simulate", "explain", "explore", "merge", "calibrate", "predict", "fit",
                              "report", "dram", "convert", "list", "new", "schema", "nas"])

    def test_help_of_a_command_gives_every_option_with_its_default(self):
        for command, count in (("check", 12), ("simulate", 24), ("convert", 10)):
            text = self.expect_ok(command, "--help", env=WIDE)
            lines = re.findall(r"(?m)^ +(?:-\w, )?--\w.*", text)
            self.assertEqual(len(lines), count)
            for line in lines:
                if "--help" not in line:
                    self.assertRegex(line, r"\((required|default: \w+)\)$")

    def test_version(self):
        text = self.expect_ok("--version")
        header = (SOURCE / "simulator/common/version.hpp").read_text()
        first, *libraries = text.splitlines()
        self.assertEqual(first, f"tilewake {re.search('kVersion = .(.*).;', header)[1]}")
        self.assertEqual([line.split()[0] for line in libraries],
                         ["compiler", "SystemC", "yaml-cpp", "fmt", "Protobuf", "ONNX"])
        for line in libraries:
            self.assertRegex(line, r"^[\w-]+ +(\w+ )?\d+\.\d+")


class InputTest(CliTest):
    def test_a_bad_machine_exits_3_and_names_file_line_and_key(self):
        for pattern, before, after in [
                (r"bad.yaml:\d+: num_cims: unknown key|bad.yaml:\d+: core.cims: unknown key",
                 "num_cims: 16", "num_cims: 16\n  cims: 1"),
                (r"bad.yaml:\d+: core.num_cims: ", "num_cims: 16", "num_cims: 0"),
                (r"bad.yaml:\d+: core.num_cims: ", "num_cims: 16", "num_cims: many"),
                (r"bad.yaml:\d+: core.num_cims: ", "num_cims: 16", "num_cims: 9999999999999999999"),
                (r"bad.yaml:\d+: core.kind: ", "kind: midap", "kind: abacus"),
                (r"bad.yaml:\d+: clock_mhz: ", "clock_mhz: 1000", "clock_mhz: .nan"),
                (r"bad.yaml:\d+: dram.bus_bytes: missing", "  bus_bytes: 4\n", ""),
        ]:
            with self.subTest(after):
                self.assertIn(before, MACHINE)
                self.write("bad.yaml", MACHINE.replace(before, after, 1))
                self.expect_error(3, pattern, "check", "--hw", "bad.yaml")
                self.expect_error(3, pattern, "simulate", "--hw", "bad.yaml", "--net", "tiny.yaml")

    def test_a_bad_network_exits_3_and_names_file_line_and_key(self):
        for pattern, before, after in [
                (r"bad.yaml:4: layers\[0\].hue: unknown key", "stride: 2}", "stride: 2, hue: 1}"),
                (r"bad.yaml:4: layers\[0\].kernel: ", "kernel: 3,", "kernel: 0,"),
                (r"bad.yaml:4: layers\[0\].kernel: ", "kernel: 3,", "kernel: [3, 3, 3],"),
                (r"bad.yaml:4: layers\[0\].out_channels: ", "out_channels: 32", "out_channels: -1"),
                (r"bad.yaml:4: layers\[0\].out_channels: ", "out_channels: 32",
                 "out_channels: 1000000000000"),
                (r"bad.yaml:4: layers\[0\].op: ", "op: conv2d", "op: convolve"),
                (r"bad.yaml:2: input.height: ", "height: 32", "height: 0"),
                (r"bad.yaml:2: input.height: ", "height: 32", "height: 2.5"),
                (r"bad.yaml:6: layers\[2\].inputs: ", "name: head,", "name: head, inputs: [pool],"),
                (r"bad.yaml:6: layers\[2\].inputs: ", "name: head,", "name: head, inputs: [no],"),
                (r"bad.yaml:6: layers\[2\].name: ", "name: head,", "name: stem,"),
                (r"bad.yaml:\d+: ", "layers:", "layers: ["),
                (r"bad.yaml:1: .*anchors", "name: tiny", "name: &a tiny"),
        ]:
            with self.subTest(after):
                self.assertIn(before, NETWORK)
                self.write("bad.yaml", NETWORK.replace(before, after, 1))
                self.expect_error(3, pattern, "simulate", "--hw", "machine.yaml", "--net",
                                  "bad.yaml", "--out", "out")
                self.assertFalse((self.dir / "out").exists())

    def test_a_yaml_bomb_is_refused_at_once(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 20)]
        self.write("bomb.yaml", "\n".join(lines) + "\n")
        begin = time.monotonic()
        self.expect_error(3, "bomb.yaml:1: ", "check", "--hw", "bomb.yaml")
        self.expect_error(3, "bomb.yaml:1: ", "check", "--hw", "machine.yaml", "--net", "bomb.yaml")
        self.write("deep.yaml", "a: " + "[" * 100000)
        self.expect_error(3, "deep.yaml:1: ", "check", "--hw", "deep.yaml")
        self.assertLess(time.monotonic() - begin, 10.0)

    def test_what_is_no_file_is_refused(self):
        os.mkfifo(self.dir / "pipe.yaml")
        (self.dir / "folder.yaml").mkdir()
        self.write("empty.yaml", "")
        (self.dir / "binary.yaml").write_bytes(bytes(range(256)))
        self.write("loop.yaml", "").unlink()
        (self.dir / "loop.yaml").symlink_to("loop.yaml")
        for name in ("missing.yaml", "missing/x", "pipe.yaml", "folder.yaml", "empty.yaml",
                     "binary.yaml", "loop.yaml", "/dev/zero", "/dev/null", "./", "/",
                     "x" * 5000 + ".yaml"):
            with self.subTest(name):
                self.expect_error(3, re.escape(name), "check", "--hw", name)
                self.expect_error(3, re.escape(name), "simulate", "--hw", "machine.yaml", "--net",
                                  name)

    def test_a_name_cannot_draw_on_the_terminal(self):
        error = self.expect_error(3, "cannot open", "check", "--hw", "a\nb\x1b[31m/")
        self.assertNotIn("\x1b", error)

    def test_a_network_that_does_not_fit_the_machine_is_an_input_error_of_the_network(self):
        small = MACHINE.replace("    bytes: 4096", "    bytes: 64")
        self.write("small.yaml", small)
        self.write("wide.yaml", NETWORK.replace("out_channels: 64", "out_channels: 4096"))
        for arguments in (["check"], ["simulate", "--out", "out"]):
            self.expect_error(3, r"wide\.yaml: .*layer \w+: ", *arguments, "--hw", "small.yaml",
                              "--net", "wide.yaml")
        self.assertFalse((self.dir / "out").exists())

    def test_extreme_sizes_end_with_a_result_or_with_one_line(self):
        for size in ("channels: 3, height: 1048576, width: 1",
                     "channels: 3, height: 1, width: 1048576",
                     "channels: 1048576, height: 1, width: 1", "channels: 1, height: 1, width: 1",
                     "channels: 16, height: 65536, width: 4096"):
            with self.subTest(size):
                self.write("odd.yaml", f"name: odd\ninput: {{{size}}}\nlayers:\n"
                           "  - {name: a, op: conv2d, out_channels: 16, kernel: 1}\n")
                result = self.run_tilewake("simulate", "--hw", "machine.yaml", "--net", "odd.yaml")
                self.assertIn(result.returncode, (0, 3), result.stderr)
                if result.returncode == 3:
                    self.assertRegex(result.stderr, r"\Atilewake: [^\n]+\n\Z")


class NameTest(CliTest):
    def copy_exe(self, place):
        path = self.dir / place
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(EXE, path)
        return path

    def machine_file(self, *arguments, **options):
        return re.match(r"machine \w+ \((.*)\): ok", self.expect_ok(*arguments, **options))[1]

    def test_a_bare_name_is_found_below_the_current_directory_first(self):
        self.write("hw_configs/toy.yaml", MACHINE)
        self.assertEqual(self.machine_file("check", "--hw", "toy"), "hw_configs/toy.yaml")

    def test_a_bare_name_is_found_above_the_executable(self):
        exe = self.copy_exe("tree/build/release/tilewake")
        self.write("tree/hw_configs/toy.yaml", MACHINE)
        (self.dir / "else").mkdir()
        found = self.machine_file("check", "--hw", "toy", exe=exe, cwd=self.dir / "else")
        self.assertEqual(found, str(self.dir / "tree/hw_configs/toy.yaml"))

    def test_a_bare_name_is_found_in_an_installation(self):
        exe = self.copy_exe("prefix/bin/tilewake")
        self.write("prefix/share/tilewake/hw_configs/toy.yaml", MACHINE)
        self.write("prefix/share/tilewake/networks/tiny.yaml", NETWORK)
        (self.dir / "else").mkdir()
        self.expect_ok("simulate", "--hw", "toy", "--net", "tiny", exe=exe, cwd=self.dir / "else")
        link = self.dir / "link"
        link.symlink_to(exe)
        self.expect_ok("check", "--hw", "toy", exe=link, cwd=self.dir / "else")

    def test_a_bare_name_is_found_in_the_data_directory(self):
        exe = self.copy_exe("a/b/c/d/e/tilewake")
        self.write("data/hw_configs/toy.yaml", MACHINE)
        self.expect_error(3, "TILEWAKE_DATA_DIR", "check", "--hw", "toy", exe=exe)
        self.expect_ok("check", "--hw", "toy", exe=exe, env={"TILEWAKE_DATA_DIR": "data"})

    def test_an_unknown_name_lists_the_known_ones(self):
        exe = self.copy_exe("a/b/c/d/e/tilewake")
        self.write("hw_configs/toy.yaml", MACHINE)
        self.write("hw_configs/abacus.yaml", MACHINE)
        self.write("hw_configs/README.md", "")
        self.expect_error(3, "unknown machine 'tyo'; known: abacus, toy ", "check", "--hw", "tyo",
                          exe=exe)

    def test_a_path_is_a_path(self):
        self.write("hw_configs/other.yaml", MACHINE)
        self.expect_error(3, "other.yaml: cannot open", "check", "--hw", "other.yaml")
        self.expect_ok("check", "--hw", "./machine.yaml")

    def test_every_shipped_name_is_found_and_runs(self):
        shipped = sorted(p.stem for p in (SOURCE / "networks").glob("*.yaml"))
        self.assertIn("mobilenet_v2", shipped)
        for name in shipped:
            with self.subTest(name):
                machine = "edge_systolic_32" if name in OTHER_NETWORKS else "midap"
                text = self.expect_ok("simulate", "--hw", machine, "--net", name, "--format",
                                      "json", cwd=SOURCE)
                self.assertGreater(json.loads(text)["total_cycles"], 0)


class CheckTest(CliTest):
    def test_keys_lists_each_key_with_its_value(self):
        text = self.expect_ok("check", "--hw", "machine.yaml", "--keys")
        rows = [line.split(" | ") for line in text.splitlines()[2:]]
        values = {row[0]: row[3] for row in rows}
        self.assertEqual(values["| `core.num_cims`"], "16")
        self.assertEqual(values["| `dram.model`"], "latency_bandwidth")
        self.assertEqual(len(values), 62)

    def test_prints_the_peak_figures(self):
        text = self.expect_ok("check", "--hw", "machine.yaml")
        self.assertRegex(text, r"peak compute +1,024 MACs/cycle, 1024.0 GMAC/s")
        self.assertRegex(text, r"peak DRAM +25 bytes/cycle, 25.0 GB/s")
        wmem = 2 * (15 * 16384 + 131072)
        self.assertIn(f"{4 * 262144 + wmem + 2 * 4096 + 4096:,} bytes", text)

    def test_prints_every_value_so_that_it_can_be_read_again(self):
        text = self.expect_ok("check", "--hw", "machine.yaml")
        printed = "".join(line[2:] for line in text.split("\n\n", 1)[1].splitlines(keepends=True))
        keys = re.findall(r"(?m)^ *(\w+):", MACHINE)
        shown = re.findall(r"(?m)^ *(\w+):", printed)
        self.assertEqual([key for key in shown if key in keys], keys)
        self.assertEqual(set(shown) - set(keys),  # that have defaults
                         {"dispatch", "inference_cycles", "layer_cycles", "efficiency"})
        self.write("again.yaml", printed)
        again = self.expect_ok("check", "--hw", "again.yaml")
        self.assertEqual(again, text.replace("machine.yaml", "again.yaml"))

    def test_tells_what_the_network_asks_for_and_how_it_is_scheduled(self):
        text = self.expect_ok("check", "--hw", "machine.yaml", "--net", "tiny.yaml")
        self.assertRegex(text, r"layers +8\n")
        self.assertRegex(text, r"parameters +[\d,]+\n")
        self.assertRegex(text, r"GMACs +0\.\d+\n")
        self.assertRegex(text, r"schedule +reference\n")
        self.assertNotIn("block.depthwise0", text)

    def test_verbose_lists_the_layers(self):
        text = self.expect_ok("check", "--hw", "machine.yaml", "--net", "tiny.yaml", "-v")
        self.assertRegex(text, r"block\.depthwise0 +depthwise_conv2d +64x16x16 +64x16x16 +3x3 ")

    def test_quiet_prints_nothing(self):
        self.assertEqual(self.expect_ok("check", "--hw", "machine.yaml", "-q"), "")


if __name__ == "__main__":
    unittest.main()
