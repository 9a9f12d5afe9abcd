#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/ of a run: what others need to use the network found, without Tilewake."""
import functools
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest

from cli_support import EXE, MACHINE, TIMEOUT
from nas_test import NasTest, RECIPE, TEMPORARY, latency_model

SIDE, CLASSES, NUM_TEST = 12, 3, 150
NOISE = 156  # so much that some images are misclassified
FILES = ["README.md", "labels.txt", "model.onnx", "model.pt", "model_int8.onnx",
         "weights.safetensors"]
ONNX_RUNTIME = pathlib.Path(__file__).resolve().parent.parent / "onnxruntime"
HAS_ONNX_RUNTIME = (ONNX_RUNTIME / "node_modules/onnxruntime-node").is_dir()
# Debian's python3-torch belongs to /usr/bin/python3.
PYTHON = "/usr/bin/python3"
HAS_TORCH = pathlib.Path(PYTHON).exists() and subprocess.run(
    [PYTHON, "-c", "import torch"], capture_output=True, check=False).returncode == 0


def images_of(count, seed, noise=110):
    """Grey images with a bright row, a bright column or neither, in noise; and their classes."""
    numbers = random.Random(seed)
    bright = min(120, 256 - noise)
    pixels, labels = bytearray(), bytearray()
    for i in range(count):
        label, line = i % CLASSES, numbers.randrange(SIDE)
        for y in range(SIDE):
            for x in range(SIDE):
                is_bright = label != 2 and (y, x)[label] == line
                pixels.append(numbers.randrange(noise) + (bright if is_bright else 0))
        labels.append(label)
    return bytes(pixels), bytes(labels)


def write_idx(directory, noise=110):
    directory.mkdir()
    for name, count, seed in (("train", 600, 1), ("t10k", NUM_TEST, 2)):
        pixels, labels = images_of(count, seed, noise)
        (directory / f"{name}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 0x803, count, SIDE, SIDE) + pixels)
        (directory / f"{name}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, count) + labels)


@functools.lru_cache(maxsize=None)
def deployed_run(layout):
    """The directory of a run on these images, made once."""
    directory = pathlib.Path(tempfile.mkdtemp(dir=TEMPORARY.name))
    write_idx(directory / "lines", NOISE)
    (directory / "machine.yaml").write_text(MACHINE)
    (directory / "recipe.yaml").write_text(
        RECIPE.replace("train: {epochs: 3, max_images: 128", "train: {epochs: 6, max_images: 512"))
    (directory / "model.yaml").write_text(latency_model())
    (directory / "space.yaml").write_text(
        "name: lines\ninput: {channels: 1, height: 12, width: 12}\nnum_classes: 3\n"
        "stem: {kernel: 3, stride: 1, width: 8}\nhead: {width: 32}\nactivation: relu\n"
        "branches:\n  - {kernels: [3, 5], expansion_ratios: [0, 2]}\n"
        "stages:\n  - {width: 8, stride: 2}\nnum_blocks: 2\n"
        "width_divisor: 8\nmax_params: 250000\n")
    result = subprocess.run(
        [EXE, "nas", "run", "--hw", "machine.yaml", "--model", "model.yaml", "--data", "lines",
         "--recipe", "recipe.yaml", "--space", "space.yaml", "--threads", "1", "--target-ms", "0.02",
         "--method", "dense", "--deploy-layout", layout, "--out", "run", "-q"],
        cwd=directory, timeout=TIMEOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return directory / "run"


class DeployTest(NasTest):
    def test_the_bundle_has_the_files_that_its_readme_names(self):
        deploy = deployed_run("nhwc") / "deploy"
        self.assertEqual(sorted(path.name for path in deploy.iterdir()), FILES)
        readme = (deploy / "README.md").read_text()
        for name in FILES[1:]:
            self.assertIn(f"`{name}`", readme)
        self.assertIn(f"(1, {SIDE}, {SIDE}, 1)", readme)
        self.assertEqual((deploy / "labels.txt").read_text().splitlines(), ["0", "1", "2"])
        manifest = (deployed_run("nhwc") / "manifest.txt").read_text()
        for name in FILES:
            self.assertIn(f"deploy/{name}", manifest)

    def test_weights_are_where_their_header_says_and_no_others(self):
        run = deployed_run("nhwc")
        data = (run / "deploy/weights.safetensors").read_bytes()
        length, = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + length])
        metadata = header.pop("__metadata__")
        summary = json.loads((run / "summary.json").read_text())
        self.assertAlmostEqual(float(metadata["test_accuracy"]), summary["accuracy"])
        self.assertEqual(float(metadata["simulated_latency_ms"]), summary["simulated_ms"])
        ends = sorted(tuple(entry["data_offsets"]) for entry in header.values())
        self.assertEqual(ends[0][0], 0)
        self.assertEqual(ends[-1][1], len(data) - 8 - length)
        self.assertTrue(all(a[1] == b[0] for a, b in zip(ends, ends[1:])))
        self.assertEqual(header["classifier.weight"]["shape"][0], CLASSES)

    def test_a_resumed_run_of_another_layout_is_refused(self):
        run = deployed_run("nhwc")
        command = json.loads((run / "run.yaml").read_text().split("\ncommand: ")[1].split("\n")[0])
        words = command[3:]
        words[words.index("nhwc")] = "nchw"
        result = subprocess.run([EXE, "nas", "run", *words, "--resume"], cwd=run.parent,
                                timeout=TIMEOUT, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("--deploy-layout", result.stderr)

    def test_metadata_of_each_model_have_its_accuracy(self):
        run = deployed_run("nhwc")
        summary = json.loads((run / "summary.json").read_text())
        for name, figures in (("model.onnx", summary), ("model_int8.onnx", summary["int8"])):
            data = (run / "deploy" / name).read_bytes()
            accuracy = re.search(rb"\rtest_accuracy\x12.([0-9.e-]+)", data, re.S)
            self.assertIsNotNone(accuracy, name)
            self.assertEqual(float(accuracy[1]), figures["accuracy"], name)
        self.assertRegex((run / "decisions.log").read_text(),
                         r"(?m)^int8 with .*: test accuracy [\d.]+ % \(\+-[\d.]+ %\) \(float ")

    @unittest.skipUnless(HAS_ONNX_RUNTIME, "no ONNX Runtime; tests/onnxruntime/setup.sh installs it")
    def test_onnx_runtime_reproduces_both_accuracies_from_the_bundle_alone(self):
        for layout in ("nhwc", "nchw"):
            run = deployed_run(layout)
            scratch = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
            pixels, labels = images_of(NUM_TEST, 2, NOISE)
            (scratch / "pixels").write_bytes(pixels)
            dims = [NUM_TEST, SIDE, SIDE, 1] if layout == "nhwc" else [NUM_TEST, 1, SIDE, SIDE]
            summary = json.loads((run / "summary.json").read_text())
            jobs = []
            for name in ("model.onnx", "model_int8.onnx"):
                (scratch / name).write_bytes((run / "deploy" / name).read_bytes())
                jobs.append({"model": name, "batch": 64,
                             "input": {"name": "images", "type": "uint8", "dims": dims,
                                       "file": "pixels"},
                             "outputs": {"label": name + ".label", "scores": name + ".scores"}})
            (scratch / "jobs.json").write_text(json.dumps(jobs))
            result = subprocess.run(["node", ONNX_RUNTIME / "run_models.js", "jobs.json"],
                                    cwd=scratch, timeout=TIMEOUT, capture_output=True, text=True,
                                    check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            for name, accuracy, points in (
                    ("model.onnx", summary["accuracy"], 0.05),
                    ("model_int8.onnx", summary["int8"]["accuracy"], 0.1)):
                answers = struct.unpack(f"<{NUM_TEST}q", (scratch / (name + ".label")).read_bytes())
                correct = sum(a == b for a, b in zip(answers, labels))
                self.assertAlmostEqual(100 * correct / NUM_TEST, 100 * accuracy, delta=points)
                scores = struct.unpack(f"<{NUM_TEST * CLASSES}f",
                                       (scratch / (name + ".scores")).read_bytes())
                for i in range(NUM_TEST):
                    row = scores[CLASSES * i:CLASSES * (i + 1)]
                    self.assertAlmostEqual(sum(row), 1.0, places=5)
                    self.assertEqual(row.index(max(row)), answers[i])
            self.assertGreater(summary["int8"]["accuracy"], summary["accuracy"] - 0.03)

    @unittest.skipUnless(HAS_TORCH, "python3-torch is not installed")
    def test_pytorch_reproduces_the_test_accuracy_from_the_bundle_alone(self):
        for layout in ("nhwc", "nchw"):
            run = deployed_run(layout)
            scratch = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
            (scratch / "model.pt").write_bytes((run / "deploy/model.pt").read_bytes())
            pixels, labels = images_of(NUM_TEST, 2, NOISE)
            (scratch / "pixels").write_bytes(pixels)
            script = (
                "import sys, torch\n"
                f"count, side, layout = {NUM_TEST}, {SIDE}, '{layout}'\n"
                "images = torch.tensor(list(open('pixels', 'rb').read()), dtype=torch.uint8)\n"
                "shape = (count, side, side, 1) if layout == 'nhwc' else (count, 1, side, side)\n"
                "model = torch.jit.load('model.pt')\n"
                "scores, label = model(images.reshape(shape))\n"
                "assert torch.allclose(scores.sum(1), torch.ones(count), atol=1e-5)\n"
                "assert all(not name.startswith('_') for name in model.state_dict())\n"
                "print(*label.tolist())\n")
            result = subprocess.run([PYTHON, "-c", script], cwd=scratch, timeout=TIMEOUT,
                                    capture_output=True, text=True, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
            answers = [int(word) for word in result.stdout.split()]
            correct = sum(a == b for a, b in zip(answers, labels))
            accuracy = json.loads((run / "summary.json").read_text())["accuracy"]
            self.assertAlmostEqual(correct / NUM_TEST, accuracy)
            self.assertGreater(accuracy, 0.5)  # of three classes


if __name__ == "__main__":
    sys.exit(unittest.main())
