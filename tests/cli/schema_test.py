#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`schema` and `new`: JSON Schemas agree with the files that the program reads."""
import json
import re
import sys
import unittest

import jsonschema
import yaml

from cli_support import CliTest, EXE, NETWORK, SOURCE

sys.path.insert(0, str(SOURCE / "scripts"))
import formats  # noqa: E402

HAS_NAS = (EXE.parent / "tilewake-nas").exists()
KINDS = {"machine": "hw_configs", "network": "networks"}
if HAS_NAS:
    KINDS.update(recipe="nas/recipes", space="nas/spaces", operator_space="nas/spaces")
CORES = ["midap", "systolic", "vector"]


class Loader(yaml.SafeLoader):
    """Reads numbers like 5e-5 as YAML 1.2 does; PyYAML reads them as text."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float",
                             re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
                             list("-+0123456789"))


def values_of(text):
    return yaml.load(text, Loader)


MACHINE_FILE = """\
name: m
clock_mhz: 1000
core: {kind: vector, num_cores: 1, lanes: 64, dot_length: 4, lane_axis: channels,
       local_memory_bytes: 65536, num_slots: 2, accumulator_bytes: 4, fuse_elementwise: true,
       efficiency: {conv2d: 1, depthwise_conv2d: 1, fully_connected: 1, pool: 1, elementwise: 1},
       loop_cycles: 0, issue_cycles: 0}
dram: {model: ideal}
"""
# Files that the program refuses, as replacements in a valid file.
REFUSED = {
    "machine": (MACHINE_FILE, [
        ("name: m\n", ""), ("name: m", "name: a b"), ("clock_mhz: 1000", "clock_mhz: 0"),
        ("clock_mhz", "clock"), ("1000", "[1000]"), ("1000", "'1000'"), ("vector", "vectors"),
        ("vector", "systolic"), ("lanes: 64", "lanes: 64.5"), ("lanes: 64", "lanes: 4097"),
        ("channels", "rows"), ("true", "1"), ("conv2d: 1,", "conv2d: 0,"), ("lanes: 64, ", ""),
        ("ideal", "banked"), ("model: ideal", "model: ideal, tRCD: 3"), ("{model: ideal}", "ideal"),
    ]),
    "network": (NETWORK, [
        ("input:", "inputs:"), ("channels: 3", "channels: 0"), ("op: conv2d", "op: conv3d"),
        ("kernel: 3", "kernel: 0"), ("kernel: 3", "kernel: [1, 2, 3]"), ("kernel: 3, ", ""),
        ("stride: 2", "stride: two"), ("stride: 2", "strides: 2"), ("kernels: [3]", "kernels: []"),
        ("op: global_avg_pool", "op: global_avg_pool, kernel: 3"), ("stride: 2", "padding: full"),
        ("stride: 2", "padding: [1, 1]"), ("name: stem", "name: 'a,b'"),
    ]),
}


class SchemaTest(CliTest):
    def schema(self, kind):
        schema = json.loads(self.expect_ok("schema", kind))
        jsonschema.Draft7Validator.check_schema(schema)
        return jsonschema.Draft7Validator(schema)

    def test_shipped_files_are_valid(self):
        for kind, directory in KINDS.items():
            schema = self.schema(kind)
            files = sorted((SOURCE / directory).glob("*.yaml"))
            self.assertGreater(len(files), 3)
            for file in files:
                document = values_of(file.read_text())
                if directory == "nas/spaces" and ("branches" in document) != (kind == "space"):
                    continue
                with self.subTest(file.name):
                    self.assertEqual([e.message for e in schema.iter_errors(document)], [])

    def test_files_that_are_refused_are_invalid(self):
        for kind, (text, changes) in REFUSED.items():
            schema = self.schema(kind)
            option = {"machine": "--hw", "network": "--net"}[kind]
            other = [] if kind == "machine" else ["--hw", "machine.yaml"]
            file = self.write("file.yaml", text)
            self.assertTrue(schema.is_valid(values_of(text)))
            self.expect_ok("check", *other, option, file)
            for old, new in changes:
                with self.subTest(kind, old=old, new=new):
                    bad = text.replace(old, new, 1)
                    self.assertNotEqual(bad, text)
                    self.write("file.yaml", bad)
                    self.expect_error(3, r"file\.yaml:\d+: ", "check", *other, option, file)
                    self.assertFalse(schema.is_valid(values_of(bad)))

    def test_ranges_of_machines_are_those_that_are_enforced(self):
        """Both ends of each range, as far as rules between keys allow it."""
        for kind in CORES:
            path = self.write(f"{kind}.yaml", self.expect_ok("new", "machine", "--kind", kind))
            machine = values_of(path.read_text())
            schema = json.loads(self.expect_ok("schema", "machine"))
            core = next(rule["then"] for rule in schema["properties"]["core"]["allOf"]
                        if rule["if"]["properties"]["kind"]["const"] == kind)
            ranges = {f"core.{name}": key for name, key in core["properties"].items()
                      if key.get("type") == "integer"}
            self.assertGreater(len(ranges), 1)
            for key, value in ranges.items():
                for bad in (value["minimum"] - 1, value["maximum"] + 1):
                    if bad < 0:
                        continue  # looks like an option
                    with self.subTest(key, bad=bad):
                        self.expect_error(3, f"{key}: ", "check", "--hw", path,
                                          "--set", f"{key}={bad}")
            self.assertEqual(machine["core"]["kind"], kind)

    def test_keys_have_meanings(self):
        """Every key of a machine has a unit or a meaning."""
        def check(mapping, path):
            for name, key in mapping.get("properties", {}).items():
                where = f"{path}{name}"
                if key.get("type") != "object":
                    self.assertTrue(key.get("description") or "const" in key, where)
                check(key, where + ".")
            for rule in mapping.get("allOf", []):
                check(rule["then"], path)
        check(json.loads(self.expect_ok("schema", "machine")), "")

    def test_the_page_of_all_keys_is_up_to_date(self):
        self.assertEqual(formats.kinds(),
                         ["machine", "network", "recipe", "space", "operator_space"])
        self.assertEqual(formats.page_of(EXE, KINDS), formats.PAGE.read_text())

    def test_wrong_arguments_exit_2(self):
        self.expect_error(2, "needs one kind", "schema")
        self.expect_error(2, "needs one kind", "schema", "machine", "network")
        self.expect_error(2, "did you mean 'machine'", "schema", "machines")
        self.expect_error(2, "json, markdown", "schema", "machine", "--format", "yaml")


class NewTest(CliTest):
    def test_each_kind_is_simulated_as_it_is(self):
        for kind in CORES:
            with self.subTest(kind):
                text = self.expect_ok("new", "machine", "--kind", kind)
                self.assertLessEqual(max(map(len, text.splitlines())), 80)
                path = self.write(f"{kind}.yaml", text)
                self.expect_ok("check", "--hw", path, "-q")
                run = json.loads(self.expect_ok("simulate", "--hw", path, "--net", "tiny.yaml",
                                                "--format", "json"))
                self.assertGreater(run["total_cycles"], 0)

    def test_every_key_is_in_the_template(self):
        schema = json.loads(self.expect_ok("schema", "machine"))
        for kind in CORES:
            text = self.expect_ok("new", "machine", "--kind", kind)
            dram = values_of(text)["dram"]["model"]
            for section, value in (("core", kind), ("dram", dram)):
                for rule in schema["properties"][section]["allOf"]:
                    selector, = rule["if"]["properties"].values()
                    if selector["const"] == value:
                        for key in rule["then"]["properties"]:
                            self.assertRegex(text, rf"(?m)^  #?{key}:", kind)

    def test_keys_of_the_preset_can_be_changed(self):
        text = self.expect_ok("new", "machine", "--kind", "systolic")
        self.assertIn("\n  #tRCD: ", text)
        self.write("changed.yaml", text.replace("#tRCD: ", "tRCD: 1"))
        self.assertRegex(self.expect_ok("check", "--hw", "changed.yaml"), r"tRCD: 1\d")

    def test_files_are_not_replaced_without_force(self):
        arguments = ["new", "machine", "--kind", "vector", "--out", "npu.yaml"]
        self.assertEqual(self.expect_ok(*arguments, "-q"), "")
        text = (self.dir / "npu.yaml").read_text()
        self.assertEqual(text, self.expect_ok("new", "machine", "--kind", "vector"))
        self.write("npu.yaml", "mine")
        self.expect_error(3, "--force", *arguments)
        self.assertEqual((self.dir / "npu.yaml").read_text(), "mine")
        self.expect_ok(*arguments, "--force", "-q")
        self.assertEqual((self.dir / "npu.yaml").read_text(), text)

    def test_wrong_arguments_exit_2(self):
        self.expect_error(2, "machine", "new", "--kind", "vector")
        self.expect_error(2, "machine", "new", "network", "--kind", "vector")
        self.expect_error(2, "--kind", "new", "machine")
        self.expect_error(2, "did you mean 'systolic'", "new", "machine", "--kind", "sistolic")
        self.expect_error(2, "--out", "new", "machine", "--kind", "vector", "--force")
        self.expect_error(3, "machine.yaml", "new", "machine", "--kind", "vector", "--out",
                          "machine.yaml/nowhere.yaml")


if __name__ == "__main__":
    unittest.main()
