#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nas train` and `nas evaluate`: given networks trained, fine-tuned and measured."""
import functools
import json
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from cli_support import EXE, SOURCE, TIMEOUT
from nas_deploy_test import CLASSES, HAS_TORCH, NUM_TEST, PYTHON, SIDE, images_of, write_idx
from nas_test import NasTest, RECIPE, TEMPORARY, strict_json

LINES_RECIPE = RECIPE.replace("train: {epochs: 3, max_images: 128",
                              "train: {epochs: 6, max_images: 512")
LINES_NETWORK = f"""\
name: lines
input: {{channels: 1, height: {SIDE}, width: {SIDE}}}
layers:
  - {{name: stem, op: conv2d, out_channels: 8, kernel: 3}}
  - {{name: block, op: mbconv, kernels: [3, 5], expansion_ratios: [2, 1], out_channels: 8, stride: 1, se_ratio: 0.25}}
  - {{name: wide, op: max_pool, kernel: 3, stride: 2, padding: [0, 0, 1, 1]}}
  - {{name: head, op: conv2d, out_channels: 32, kernel: 1}}
  - {{name: pool, op: global_avg_pool}}
  - {{name: classifier, op: fully_connected, out_channels: {CLASSES}}}
"""
NO_CHANGE = ["train.epochs=1", "train.schedule.learning_rate=1e-12", "train.ema_decay=0",
             "train.optimizer.weight_decay=0"]


@functools.lru_cache(maxsize=None)
def trained_run():
    """The directory of a finished training, made once, beside the images "lines"."""
    directory = pathlib.Path(tempfile.mkdtemp(dir=TEMPORARY.name))
    write_idx(directory / "lines")
    (directory / "recipe.yaml").write_text(LINES_RECIPE)
    (directory / "net.yaml").write_text(LINES_NETWORK)
    result = subprocess.run(
        [EXE, "nas", "train", "--net", "net.yaml", "--data", "lines", "--recipe", "recipe.yaml",
         "--threads", "1", "--hw", "midap", "--out", "trained", "--format", "json", "-q"],
        cwd=directory, timeout=TIMEOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return directory / "trained", result.stdout


class GivenNetworkTest(NasTest):
    def setUp(self):
        super().setUp()
        write_idx(self.dir / "lines")
        self.write("recipe.yaml", LINES_RECIPE)
        self.write("net.yaml", LINES_NETWORK)
        self.train = ["--data", "lines", "--recipe", "recipe.yaml", "--threads", "1"]

    def evaluate(self, *arguments):
        return strict_json(self.expect_found(*arguments, "--data", "lines", "--format", "json",
                                             command="evaluate"))


class TrainTest(GivenNetworkTest):
    def test_a_trained_network_leaves_the_files_of_a_winner(self):
        run, printed = trained_run()
        summary = strict_json((run / "summary.json").read_text())
        self.assertEqual(strict_json(printed), summary)
        self.assertGreater(summary["accuracy"], 0.6)  # of three classes
        listed = (run / "manifest.txt").read_text()
        for name in ("run.yaml", "network.yaml", "model.onnx", "weights.ckpt", "metrics.csv",
                     "deploy/model.onnx", "deploy/model_int8.onnx", "deploy/model.pt",
                     "deploy/weights.safetensors"):
            self.assertTrue((run / name).exists(), name)
            self.assertIn(name, listed)
        self.assertIn("\ncomplete: true\n", (run / "run.yaml").read_text())
        simulated = strict_json(self.expect_ok("simulate", "--hw", "midap", "--net",
                                               run / "network.yaml", "--format", "json", "-q"))
        self.assertEqual(simulated["latency_ms"], summary["simulated_ms"])
        self.assertEqual(simulated["macs"], summary["macs"])

    def test_a_network_without_an_int8_model_says_so(self):
        self.write("wide.yaml", "name: wide\n"
                   f"input: {{channels: 1, height: {SIDE}, width: {SIDE}}}\n"
                   "layers:\n"
                   "  - {name: stem, op: conv2d, out_channels: 400, kernel: 1}\n"
                   f"  - {{name: classifier, op: fully_connected, out_channels: {CLASSES}}}\n")
        printed = self.expect_found("--net", "wide.yaml", *self.train, "--set", "train.epochs=1",
                                    "--out", "wide", command="train")
        self.assertRegex(printed, "(?m)^no int8 model: int8: layer 'classifier': ")
        self.assertFalse((self.dir / "wide/deploy/model_int8.onnx").exists())
        self.assertIn("There is no `model_int8.onnx`",
                      (self.dir / "wide/deploy/README.md").read_text())

    def test_every_form_of_the_weights_has_the_reported_accuracy(self):
        run, _ = trained_run()
        accuracy = strict_json((run / "summary.json").read_text())["accuracy"]
        for arguments in (["--run", run], ["--net", run / "model.onnx"],
                          ["--net", run / "network.yaml", "--init",
                           run / "deploy/weights.safetensors"],
                          ["--net", "net.yaml", "--init", run / "model.onnx"]):
            with self.subTest(arguments):
                found = self.evaluate(*arguments)
                self.assertEqual(found["accuracy"], accuracy)
                self.assertEqual(found["images"], NUM_TEST)
                self.assertEqual(sum(c["correct"] for c in found["classes"]), found["correct"])
                self.assertEqual([c["images"] for c in found["classes"]], [NUM_TEST // 3] * 3)

    def test_the_int8_model_of_a_run_has_the_reported_accuracy(self):
        run, _ = trained_run()
        summary = strict_json((run / "summary.json").read_text())
        found = self.evaluate("--run", run)
        self.assertEqual(found["int8"]["accuracy"], summary["int8"]["accuracy"])
        self.assertEqual(found["accuracy"], summary["accuracy"])

    def test_quantizing_keeps_the_choice_of_least_error(self):
        run, _ = trained_run()
        summary = strict_json((run / "summary.json").read_text())

        def quantize(*arguments):
            return strict_json(self.expect_found(*arguments, "--data", "lines", "--format", "json",
                                                 command="quantize"))
        found = quantize("--run", run, "--out", "q/int8.onnx")
        self.assertEqual(found["accuracy"], summary["accuracy"])
        self.assertAlmostEqual(found["int8"]["accuracy"], summary["accuracy"], delta=0.05)
        self.assertEqual(len(found["tried"]), 12)
        least = min(choice["squared_error"] for choice in found["tried"])
        chosen = [c for c in found["tried"] if c["squared_error"] == least][0]
        self.assertTrue(found["chosen"].startswith(chosen["ranges"]))
        self.assertGreater((self.dir / "q/int8.onnx").stat().st_size, 1000)
        self.expect_refused("q/int8.onnx", "--run", run, "--data", "lines", "--out", "q/int8.onnx",
                            command="quantize")
        one = quantize("--net", run / "model.onnx", "--ranges", "mse", "--equalize", "off",
                       "--correct-bias", "on", "--images", "8")
        self.assertEqual([one["chosen"]], ["mse ranges, bias corrected"])
        self.assertEqual(len(one["tried"]), 1)

    def test_fine_tuning_starts_from_the_weights_of_the_model(self):
        run, _ = trained_run()
        accuracy = strict_json((run / "summary.json").read_text())["accuracy"]
        for init in ("file", "scratch"):
            found = strict_json(self.expect_found(
                "--net", run / "model.onnx", "--init", init, *self.train, "--set", *NO_CHANGE,
                "--out", init, "--format", "json", command="train"))
            if init == "file":
                self.assertAlmostEqual(found["accuracy"], accuracy, delta=0.01)
            else:
                self.assertLess(found["accuracy"], accuracy - 0.1)

    def test_a_student_follows_its_teacher_where_the_labels_are_others(self):
        run, _ = trained_run()
        teacher = f"train.distillation.teacher={run / 'model.onnx'}"
        for part in ("train", "t10k"):
            path = self.dir / f"lines/{part}-labels-idx1-ubyte"
            data = path.read_bytes()
            path.write_bytes(data[:8] + bytes((label + 1) % CLASSES for label in data[8:]))

        def accuracy(out, *values, code=0):
            result = self.nas("--net", "net.yaml", *self.train, "--format", "json", "--set", *values,
                              "--out", out, command="train")
            self.assertEqual(result.returncode, code, result.stderr)
            return strict_json(result.stdout)["accuracy"]
        alone = accuracy("alone", "train.epochs=6")
        taught = accuracy("taught", teacher, "train.distillation.weight=1")
        self.assertGreater(alone, 0.6)
        self.assertLess(taught, alone - 0.4)
        # A teacher of no weight changes nothing but the settings.
        self.assertEqual(accuracy("unheard", teacher, "train.distillation.weight=0"), alone)

    def test_a_training_is_not_continued_with_another_teacher(self):
        run, _ = trained_run()
        (self.dir / "teacher.onnx").write_bytes((run / "model.onnx").read_bytes())
        arguments = ["--net", "net.yaml", *self.train, "--out", "out", "--set", "train.epochs=1",
                     "train.distillation.teacher=teacher.onnx"]
        self.expect_found(*arguments, command="train")
        self.expect_found("--net", run / "model.onnx", *self.train, "--set", "train.epochs=1",
                          "--out", "other", command="train")
        (self.dir / "teacher.onnx").write_bytes((self.dir / "other/model.onnx").read_bytes())
        self.expect_refused("train.distillation.weights", *arguments, "--resume", command="train")

    def test_another_number_of_classes_gets_a_new_classifier(self):
        self.write("net.yaml", LINES_NETWORK.replace(f"out_channels: {CLASSES}}}",
                                                     "out_channels: 1000}"))
        result = self.nas("--net", "net.yaml", *self.train, "--out", "out", "--format", "json",
                          command="train")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("'classifier'", result.stderr)
        self.assertGreater(strict_json(result.stdout)["accuracy"], 0.5)
        self.assertEqual((self.dir / "out/deploy/labels.txt").read_text().splitlines(),
                         ["0", "1", "2"])
        self.write("ten.yaml", LINES_NETWORK.replace(f"out_channels: {CLASSES}}}",
                                                     "out_channels: 10}"))
        self.expect_ok("convert", "--net", "ten.yaml", "--out", "ten.onnx", "-q")
        self.expect_refused("ten.onnx", "--net", "ten.onnx", "--data", "lines", command="evaluate")

    def test_the_default_recipe_follows_the_number_of_images(self):
        self.expect_found("--net", "net.yaml", "--data", "lines", "--threads", "1", "--set",
                          "train.epochs=1", "--out", "out", command="train")
        self.assertIn('\nrecipe_file: "small"\n', (self.dir / "out/run.yaml").read_text())

    def test_an_interrupted_training_resumes_with_the_same_files(self):
        run, _ = trained_run()
        arguments = ["--net", "net.yaml", *self.train, "--hw", "midap", "--out", "trained"]
        with subprocess.Popen([EXE, "nas", "train", *arguments, "-q"], cwd=self.dir,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            checkpoint = self.dir / "trained/train.ckpt"
            for _ in range(6000):
                if checkpoint.exists() or process.poll() is not None:
                    break
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            code = process.wait(TIMEOUT)
        self.assertIn(code, (0, 130))  # 0: it was faster than the signal
        self.expect_found(*arguments, "--resume", command="train")
        self.assert_same_run(self.dir / "trained", run)

    def test_other_settings_and_other_commands_do_not_continue_a_training(self):
        run, _ = trained_run()
        words = json.loads((run / "run.yaml").read_text().split("\ncommand: ")[1].split("\n")[0])
        arguments = ["nas", "train", *words[3:]]

        def refused(pattern, *more, command=None):
            result = self.run_tilewake(*(command or arguments), *more, cwd=run.parent)
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertRegex(result.stderr, pattern)
        before = self.snapshot(run)
        refused("run.yaml", )
        refused("train.epochs", "--resume", "--set", "train.epochs=7")
        refused("--seed", "--resume", "--seed", "2")
        (run.parent / "tiny.yaml").write_text("")
        refused("another command", "--resume", command=[
            "nas", "run", "--hw", "midap", "--target-ms", "1", "--data", "synthetic", "--out",
            "trained"])
        after = self.snapshot(run)
        self.assertEqual(before, after)

    @unittest.skipUnless(HAS_TORCH, "python3-torch is not installed")
    def test_a_model_of_pytorch_has_the_accuracy_that_pytorch_finds(self):
        script = (
            "import torch\n"
            "from torch import nn\n"
            "torch.manual_seed(1)\n"
            f"count, side = {NUM_TEST}, {SIDE}\n"
            "net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8),\n"
            "    nn.ReLU6(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.SiLU(),\n"
            "    nn.AvgPool2d(3, 2, 1), nn.Flatten(), nn.Linear(72, 3))\n"
            "net[1].running_mean.normal_(), net[1].running_var.uniform_(0.5, 2)\n"
            "net.eval()\n"
            "torch.onnx.export(net, torch.zeros(1, 1, side, side), 'torch.onnx', opset_version=13)\n"
            "images = torch.tensor(list(open('pixels', 'rb').read())).float() / 255\n"
            "mean, std = map(float, open('statistics').read().split())\n"
            "images = ((images - mean) / std).reshape(count, 1, side, side)\n"
            "print(*net(images).argmax(1).tolist())\n")
        pixels, labels = images_of(NUM_TEST, 2)
        (self.dir / "pixels").write_bytes(pixels)
        train, _ = images_of(600, 1)
        mean = sum(train) / len(train) / 255
        std = (sum((p / 255 - mean) ** 2 for p in train) / len(train)) ** 0.5
        self.write("statistics", f"{mean} {std}")
        result = subprocess.run([PYTHON, "-c", script], cwd=self.dir, timeout=TIMEOUT,
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        answers = [int(word) for word in result.stdout.split()]
        correct = sum(a == b for a, b in zip(answers, labels))
        self.assertEqual(self.evaluate("--net", "torch.onnx")["correct"], correct)


class RefusedTest(GivenNetworkTest):
    def test_wrong_command_lines_exit_2(self):
        for pattern, command, *arguments in [
                ("'--net' is required", "train"),
                ("exclude each other", "train", "--net", "x", "--resume", "--force"),
                ("--init", "train", "--net", "net.yaml", "--data", "lines", "--init", "recipe.yaml"),
                ("one of --run and --net", "evaluate"),
                ("one of --run and --net", "evaluate", "--run", "a", "--net", "b"),
                ("--init is for --net", "evaluate", "--run", "a", "--init", "b"),
        ]:
            with self.subTest(arguments):
                self.expect_refused(pattern, *arguments, code=2, command=command)

    def test_what_does_not_fit_is_refused_before_anything_is_written(self):
        run, _ = trained_run()
        tensors = (run / "deploy/weights.safetensors").read_bytes()
        length, = struct.unpack_from("<Q", tensors)
        for name, data in {"cut": tensors[:-4], "head": tensors[:40], "long": b"\xff" * 8,
                           "empty": b"", "text": struct.pack("<Q", 4) + b"{}, ",
                           "type": tensors.replace(b'"F32"', b'"F16"', 1),
                           "name": tensors.replace(b"stem.weight", b"stxm.weight", 1),
                           "nan": tensors[:8 + length] + b"\xff" * (len(tensors) - 8 - length),
                           }.items():
            (self.dir / f"{name}.safetensors").write_bytes(data)
        self.write("wide.yaml", LINES_NETWORK.replace(f"width: {SIDE}", "width: 16"))
        self.write("colour.yaml", LINES_NETWORK.replace("channels: 1,", "channels: 3,"))
        self.write("resize.yaml", LINES_NETWORK.replace(
            "  - {name: head,", "  - {name: up, op: resize, out_size: [12, 12]}\n  - {name: head,"))
        self.expect_ok("convert", "--net", "net.yaml", "--out", "bare.onnx", "-q")
        before = self.names_in()
        for pattern, *arguments in [
                ("squares", "--net", "wide.yaml"), ("3 channels", "--net", "colour.yaml"),
                ("'up'", "--net", "resize.yaml"), ("unknown network", "--net", "nosuch"),
                ("train.batch_size", "--net", "net.yaml", "--set", "train.batch_size=5000"),
                ("train.drop_connect", "--net", "net.yaml", "--set", "train.drop_connect=0.1"),
                ("unknown machine", "--net", "net.yaml", "--hw", "nosuch"),
                *[(pattern, "--net", "net.yaml", "--set", f"train.distillation.teacher={teacher}")
                  for pattern, teacher in [("no supernet", "supernet"), ("NAME.onnx", "net.yaml"),
                                           ("nosuch", "nosuch.onnx"),
                                           ("no tensor of the model", "bare.onnx")]],
                *[(name, "--net", "net.yaml", "--init", f"{name}.safetensors")
                  for name in ("cut", "head", "long", "empty", "text", "type", "name", "nan")],
        ]:
            with self.subTest(arguments):
                self.expect_refused(pattern, *arguments, *self.train, "--out", "out",
                                    command="train")
                self.assertEqual(self.names_in(), before)
        self.expect_refused("another number of classes", "--net", "net.yaml", "--data", "synthetic",
                            "--recipe", "recipe.yaml", "--out", "out", "--set",
                            f"train.distillation.teacher={run / 'model.onnx'}", command="train")
        self.assertEqual(self.names_in(), before)

    def test_a_network_without_weights_or_of_other_classes_is_not_evaluated(self):
        run, _ = trained_run()
        self.expect_refused("no weights", "--net", "net.yaml", "--data", "lines",
                            command="evaluate")
        self.expect_refused("classes", "--run", run, "--data", "synthetic", command="evaluate")
        self.expect_refused("no finished run", "--run", ".", "--data", "lines", command="evaluate")
        self.expect_refused("network.yaml", "--net", SOURCE / "networks/network.yaml", "--data",
                            "lines", command="evaluate")


if __name__ == "__main__":
    sys.exit(unittest.main())
