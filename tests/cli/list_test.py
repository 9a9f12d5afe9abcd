#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tilewake list`: every file with a bare name, in one line each."""
import json
import unittest

from cli_support import CliTest, MACHINE, NETWORK, SOURCE

DIRECTORIES = {"machines": "hw_configs", "networks": "networks", "spaces": "nas/spaces",
               "recipes": "nas/recipes"}


def shipped(kind):
    return sorted(path.stem for path in (SOURCE / DIRECTORIES[kind]).glob("*.yaml"))


class ShippedFilesTest(CliTest):
    def list(self, *arguments):
        return self.expect_ok("list", *arguments, cwd=SOURCE)

    def test_every_shipped_file_is_listed(self):
        sections = self.list().split("\n\n")
        self.assertEqual([section.split()[0] for section in sections], list(DIRECTORIES))
        for kind, section in zip(DIRECTORIES, sections):
            # A long description continues in lines that begin with blanks.
            rows = [row for row in section.splitlines()[1:] if not row.startswith(" ")]
            self.assertEqual([row.split()[0] for row in rows], shipped(kind))
            self.assertEqual(self.list(kind).splitlines(), section.splitlines())
        self.assertLessEqual(max(map(len, self.list().splitlines())), 80)

    def test_kinds_are_in_a_fixed_order_and_shown_once(self):
        self.assertEqual(self.list("networks", "machines", "networks"),
                         self.list("machines", "networks"))

    def test_names_are_those_that_other_commands_take(self):
        self.assertEqual(self.list("machines", "--format", "names").split(), shipped("machines"))
        self.assertEqual(self.list("--format", "names").split(),
                         [name for kind in DIRECTORIES for name in shipped(kind)])

    def test_json_has_figures_and_descriptions(self):
        listed = json.loads(self.list("--format", "json"))
        self.assertEqual(list(listed), list(DIRECTORIES))
        for kind, files in listed.items():
            self.assertEqual([file["name"] for file in files], shipped(kind))
            for file in files:
                self.assertTrue(file["description"], file)
                self.assertTrue((SOURCE / file["path"]).is_file(), file)
        machine = next(file for file in listed["machines"] if file["name"] == "midap")
        self.assertEqual((machine["core"], machine["peak_tmacs_per_second"]), ("midap", 1.024))
        self.assertEqual(machine["description"], "MIDAP, an NPU of 16 x 64 MACs")
        network = next(file for file in listed["networks"] if file["name"] == "resnet18")
        self.assertEqual(network["description"], "ResNet-18")
        self.assertGreater(network["macs"], 1.7e9)
        space = next(file for file in listed["spaces"] if file["name"] == "cifar")
        self.assertEqual((space["input"], space["num_classes"]), ([3, 32, 32], 10))
        space = next(file for file in listed["spaces"] if file["name"] == "auto")
        self.assertEqual((space["input"], space["num_classes"]), ("auto", "auto"))


class OwnFilesTest(CliTest):
    """Files of the current directory come before the shipped ones."""

    def names(self, kind):
        return self.expect_ok("list", kind, "--format", "names").split()

    def test_own_files_are_listed_and_hide_shipped_ones(self):
        self.write("hw_configs/midap.yaml", "# Mine. More.\n" + MACHINE)
        self.write("hw_configs/toy.yaml", MACHINE)
        self.write("hw_configs/README.md", "")
        self.assertEqual(self.names("machines"), sorted([*shipped("machines"), "toy"]))
        listed = json.loads(self.expect_ok("list", "machines", "--format", "json"))["machines"]
        mine = next(file for file in listed if file["name"] == "midap")
        self.assertEqual((mine["path"], mine["description"]), ("hw_configs/midap.yaml", "Mine"))

    def test_a_bad_file_is_a_warning_and_the_others_are_listed(self):
        self.write("networks/bad.yaml", "name: bad\n")
        self.write("networks/good.yaml", NETWORK)
        self.write("nas/spaces/bad.yaml", "input: 3\n")
        self.write("nas/recipes/bad.yaml", "a: [\n")
        (self.dir / "hw_configs/bad.yaml").mkdir(parents=True)
        for kind, directory in DIRECTORIES.items():
            with self.subTest(kind):
                result = self.run_tilewake("list", kind)
                self.assertEqual(result.returncode, 0)
                self.assertRegex(result.stderr, rf"\Atilewake: {directory}/bad.yaml:[^\n]+\n\Z")
                rows = [line.split()[0] for line in result.stdout.splitlines()]
                self.assertIn(shipped(kind)[0], rows)
                self.assertNotIn("bad", rows)
                self.assertEqual("good" in rows, kind == "networks")
                self.expect_ok("list", kind, "--quiet")
                self.assertIn("bad", self.names(kind))

    def test_long_names_and_comments_are_shortened(self):
        self.write(f"nas/spaces/{'n' * 100}.yaml",
                   f"# {'word ' * 100}\ninput: {{channels: 1, height: 2147483647, width: 7}}\n"
                   "num_classes: 2\n")
        lines = self.expect_ok("list", "spaces").splitlines()
        self.assertLessEqual(max(map(len, lines)), 90)

    def test_comments_of_a_file_are_printed_as_one_line_without_control_characters(self):
        self.write("networks/odd.yaml", "# a\x1b[31m\tb\n#\n#\n" + NETWORK)
        result = self.run_tilewake("list", "networks")
        self.assertEqual(result.returncode, 0)
        self.assertNotIn("\x1b", result.stdout + result.stderr)

    def test_wrong_arguments_exit_2(self):
        for pattern, *arguments in [
                ("list: a kind must be one of machines, networks, spaces, recipes, not 'machine'; "
                 "did you mean 'machines'[?]", "machine"),
                ("--format must be one of table, json, names, not 'csv'", "--format", "csv"),
                ("unrecognised option '--hw'", "--hw", "midap"),
        ]:
            with self.subTest(arguments):
                self.expect_error(2, pattern, "list", *arguments)


if __name__ == "__main__":
    unittest.main()
