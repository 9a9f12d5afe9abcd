#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shipped networks as other programs write them to ONNX run exactly like the network files, and
models of other families have the MACs and outputs that PyTorch counts.

Debian's python3-torch, python3-torchvision and python3-onnx write the models; where they are not
installed, the tests are skipped with a message.
"""
import collections
import csv
import io
import json
import pathlib
import re
import subprocess
import sys
import unittest

from cli_support import CliTest, OTHER_NETWORKS, SOURCE

EXPORTERS = pathlib.Path(__file__).with_name("onnx_exporters.py")
EXPORT_TIMEOUT = 240
MACHINE = "edge_systolic_32"  # which has every layer; MIDAP refuses some by name
NETWORKS = sorted(path.stem for path in (SOURCE / "networks").glob("*.yaml"))
OPSETS = (9, 11, 13, 17)
CLASSIFIERS = [name for name in NETWORKS if name not in OTHER_NETWORKS]
TORCHVISION = {"resnet18": "resnet18", "resnet50": "resnet50", "mobilenet_v2": "mobilenet_v2",
               "mobilenet_v3_large": "mobilenet_v3_large", "inception_v3": "inception_v3",
               "squeezenet": "squeezenet1_1", "efficientnet_b0": "efficientnet_b0",
               "efficientnet_b1": "efficientnet_b1", "efficientnet_b2": "efficientnet_b2",
               "efficientnet_b3": "efficientnet_b3", "efficientnet_b4": "efficientnet_b4",
               "shufflenet_v2_x1": "shufflenet_v2_x1_0"}


def run_exporter(python, *arguments, cwd=None):
    return subprocess.run([python, "-B", str(EXPORTERS), *map(str, arguments)], cwd=cwd, text=True,
                          timeout=EXPORT_TIMEOUT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def find_python():
    """The interpreter that knows most of the packages, and these."""
    found = {}
    for python in (sys.executable, "/usr/bin/python3"):
        if pathlib.Path(python).exists():
            found[python] = set(run_exporter(python, "packages").stdout.split())
    best = max(found, key=lambda python: len(found[python]))
    return best, found[best]


PYTHON, PACKAGES = find_python()


def needs(*packages):
    missing = [package for package in packages if package not in PACKAGES]
    return unittest.skipIf(missing, f"{PYTHON} has no {', '.join(missing)}")


class OnnxExportersTest(CliTest):
    def export(self, *arguments):
        result = run_exporter(PYTHON, *arguments, cwd=self.dir)
        self.assertEqual(result.returncode, 0, result.stderr[-2000:])

    def trace(self, network):
        """Rows of layers.csv; layers by their place instead of their name."""
        text = self.expect_ok("simulate", "--hw", MACHINE, "--net", network, "--format", "csv", "-q").split("\n", 1)[1]
        rows = list(csv.DictReader(io.StringIO(text)))
        place = {row["layer"]: row["index"] for row in rows}
        for row in rows:
            for column in ("inputs", "fused_into"):
                names = [name for name in re.split(r"[;+]", row[column]) if name]
                row[column] = [place.get(name, name) for name in names]
            if row["op"] in ("add", "mul"):
                row["inputs"].sort()  # a x b and b x a
            for column in ("layer", "block", "network"):
                del row[column]
        return rows

    def expect_same_trace(self, model, network):
        rows, expected = self.trace(model), self.trace(network)
        self.assertEqual(len(rows), len(expected), network)
        for row, other in zip(rows, expected):
            self.assertEqual(row, other, network)

    @needs("torch", "yaml")
    def test_torch_exports_of_shipped_networks_run_like_the_files(self):
        for i, network in enumerate(CLASSIFIERS):
            with self.subTest(network):
                self.expect_ok("convert", "--net", network, "--out", "plain.yaml", "--force", "-q")
                self.export("torch", "plain.yaml", "torch.onnx", OPSETS[i % len(OPSETS)],
                            "separate" if i % 2 else "folded")
                self.expect_same_trace("torch.onnx", network)

    @needs("torch", "torchvision")
    def test_torchvision_has_the_same_networks(self):
        for i, (network, model) in enumerate(TORCHVISION.items()):
            with self.subTest(network):
                size = re.search(r"height: (\d+)", (SOURCE / f"networks/{network}.yaml").read_text())
                self.export("torchvision", model, size[1], "torchvision.onnx",
                            OPSETS[i % len(OPSETS)])
                self.expect_same_trace("torchvision.onnx", network)

    @needs("onnx")
    def test_what_python_onnx_writes_again_runs_like_the_files(self):
        for i, network in enumerate(NETWORKS):
            with self.subTest(network):
                self.expect_ok("convert", "--net", network, "--out", "ours.onnx", "--force", "-q")
                opset = 17 if network in OTHER_NETWORKS else (13, 14, 15, 17)[i % 4]
                self.export("onnx", "ours.onnx", "again.onnx", opset)
                self.expect_same_trace("again.onnx", network)

    def expect_counts(self, source):
        """The figures of every model of onnx_models.py are those that PyTorch counts."""
        self.export("models", source, ".")
        models = json.loads((self.dir / "models.json").read_text(encoding="ascii"))
        self.assertTrue(models)
        for name, expected in models.items():
            with self.subTest(name, opset=expected["opset"]):
                result = json.loads(self.expect_ok("simulate", "--hw", MACHINE, "--net",
                                                   f"{name}.onnx", "--format", "json", "-q"))
                # Factors and shifts that no convolution absorbs; PyTorch has no product there.
                scaled = sum(layer["macs"] for layer in result["layers"]
                             if layer["op"] == "depthwise_conv2d" and layer["kernel"] == "1x1")
                self.assertEqual(result["macs"] - scaled, expected["macs"])
                read = {name for layer in result["layers"] for name in layer["inputs"].split(";")}
                sizes = {layer["layer"]: layer["oc"] * layer["oh"] * layer["ow"]
                         for layer in result["layers"]}
                unread = collections.Counter(sizes[name] for name in sizes.keys() - read)
                outputs = collections.Counter(expected["outputs"])
                self.assertEqual(unread - outputs, collections.Counter())
                # The others are read inside of the network, too.
                self.assertLessEqual((outputs - unread).keys(), set(sizes.values()))

    @needs("torch")
    def test_models_of_many_families_have_the_macs_and_outputs_of_pytorch(self):
        self.expect_counts("hand")

    @needs("torch", "torchvision")
    def test_torchvision_transformers_and_segmentation_have_the_macs_and_outputs_of_pytorch(self):
        self.expect_counts("torchvision")


if __name__ == "__main__":
    unittest.main()
