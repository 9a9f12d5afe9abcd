#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nas`: its options and what it refuses before the work. Also what the other tests of it share."""
import atexit
import functools
import hashlib
import json
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

from cli_support import CliTest, EXE, MACHINE, SOURCE, TIMEOUT, WIDE

HAS_NAS = (EXE.parent / "tilewake-nas").exists()
COMMANDS = ["run", "search", "scale", "postprocess"]  # the same run, up to a step
STEPS = [*COMMANDS[1:], "train", "evaluate"]
TARGET_MS = 0.014
# Every step, each of a handful of batches: two to three seconds a run.
RECIPE = """\
name: tiny
validation_share: 0.1
supergraph: {epochs: 2, max_images: 128, batch_size: 32, augmentation: {flip: true}}
search:
  epochs: 3
  max_images: 128
  batch_size: 32
  schedule: {kind: constant, learning_rate: 0.03}
  options:
    latency_weight: 0.05
    latency_slope: 1
    latency_growth: 500
    target_share: 0.7
    threshold_rate: 20
    supergraph_threshold_rate: 0
ranking: {max_ranked: 2, max_images: 64, batch_size: 32}
train: {epochs: 3, max_images: 128, batch_size: 32, ema_decay: 0.9}
"""
TEMPORARY = tempfile.TemporaryDirectory(prefix="tilewake-nas-")
atexit.register(TEMPORARY.cleanup)


@functools.lru_cache(maxsize=None)
def latency_model():
    """What calibrate makes for the machine, as text; made once, for it takes seconds."""
    path = pathlib.Path(TEMPORARY.name) / "model.yaml"
    subprocess.run([EXE, "calibrate", "--hw", SOURCE / "hw_configs/midap.yaml", "-q",
                    "--out", path], check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)
    return path.read_text()


@functools.lru_cache(maxsize=None)
def finished_run():
    """A complete run, made once: its directory, and what it printed."""
    directory = pathlib.Path(TEMPORARY.name)
    (directory / "machine.yaml").write_text(MACHINE)
    (directory / "tiny_recipe.yaml").write_text(RECIPE)
    latency_model()
    result = subprocess.run([EXE, "nas", "run", *ARGUMENTS, "--out", "run"], cwd=directory,
                            timeout=TIMEOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return directory / "run", result


ARGUMENTS = ["--hw", "machine.yaml", "--data", "synthetic", "--recipe", "tiny_recipe.yaml",
             "--model", "model.yaml", "--threads", "1", "--target-ms", str(TARGET_MS)]


def strict_json(text):
    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    def unique(pairs):
        assert len(dict(pairs)) == len(pairs), pairs
        return dict(pairs)
    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


def events(path):
    """The records of a TensorBoard file, each without the time that it begins with."""
    data, records = path.read_bytes(), []
    while data:
        size = struct.unpack_from("<Q", data)[0]
        record = data[12:12 + size]
        assert len(record) == size and record[0] == 0x09, path  # field 1, a double
        records.append(record[9:])
        data = data[12 + size + 4:]
    return records


@unittest.skipUnless(HAS_NAS, "built without nas")
class NasTest(CliTest):
    """Each test has machine.yaml, tiny_recipe.yaml, and, once asked for, model.yaml."""

    def setUp(self):
        super().setUp()
        self.write("tiny_recipe.yaml", RECIPE)
        self.command = ["nas", "run", *ARGUMENTS]

    def with_model(self):
        self.write("model.yaml", latency_model())

    def arguments(self, *extra, without=()):
        """The arguments of a run, less some options with their values, and more."""
        kept = [word for option, value in zip(ARGUMENTS[::2], ARGUMENTS[1::2])
                if option not in without for word in (option, value)]
        return [*kept, *extra]

    def nas(self, *arguments, command="run", **options):
        return self.run_tilewake("nas", command, *arguments, **options)

    def expect_found(self, *arguments, command="run", **options):
        return self.expect_ok("nas", command, "-q", *arguments, **options)

    def expect_refused(self, pattern, *arguments, code=3, command="run"):
        return self.expect_error(code, pattern, "nas", command, "-q", *arguments)

    def copy_of_finished_run(self, name="run"):
        self.with_model()
        shutil.copytree(finished_run()[0], self.dir / name)
        return self.dir / name

    @staticmethod
    def snapshot(directory):
        """Hashes of all files, by their names."""
        return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in sorted(directory.rglob("*")) if p.is_file()}

    def assert_same_run(self, directory, expected=None):
        """Bit for bit the files of an uninterrupted run, but for times."""
        expected = expected or finished_run()[0]
        ours, theirs = self.snapshot(directory), self.snapshot(expected)
        self.assertEqual(list(ours), list(theirs))
        for name in ours:
            if "tfevents" in name:
                self.assertEqual(events(directory / name), events(expected / name))
            elif name == "costs.csv":
                continue  # times
            elif name == "run.yaml":
                self.assertIn("\ncomplete: true\n", (directory / name).read_text())
            else:
                self.assertEqual(ours[name], theirs[name], name)


class HelpTest(NasTest):
    def test_help_lists_every_command(self):
        text = self.expect_ok("nas", "--help")
        self.assertEqual(re.findall(r"(?m)^  ([a-z]+) +\w", text),
                         [*COMMANDS, "train", "evaluate", "quantize", "space", "schema", "compare", "bench", "simulate"])
        self.assertIn("usage: tilewake nas COMMAND", text)
        self.assertRegex(text, r"(?s)exit codes: 0 ok, .* 130 interrupted\n")

    def test_help_of_a_command_gives_every_option_with_its_default(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.expect_ok("nas", command, "--help", env=WIDE)
                self.assertTrue(text.startswith(f"usage: tilewake nas {command} --hw FILE "))
                found = dict(re.findall(r"(?m)^ +(?:-\w, )?--([\w-]+)[^(\n]*.*?"
                                        r"(?:\((required|default: [\w-]+)\))?$", text))
                joint = {"hw-space": "default: none", "hw-rounds": "default: 2"}
                self.assertEqual(found, {
                    **(joint if command == "run" else {}), "help": "", "hw": "required", "target-ms": "default: none",
                    "target-mj": "default: none", "max-params": "default: 0",
                    "max-memory-kb": "default: 0", "max-dram-kb": "default: 0",
                    "out": "default: none",
                    "data": "default: fashion-mnist", "space": "default: none",
                    "recipe": "default: auto", "set": "default: none",
                    "method": "default: s3nas", "correlate": "default: 0",
                    "model": "default: none", "seed": "default: 1", "random": "default: 0",
                    "device": "default: auto", "precision": "default: auto",
                    "deploy-layout": "default: nhwc", "distributed": "default: auto",
                    "threads": "default: 0", "resume": "default: off", "force": "default: off",
                    "format": "default: table", "verbose": "default: off",
                    "quiet": "default: off"})

    def test_version_is_that_of_tilewake(self):
        lines = self.expect_ok("nas", "--version").splitlines()
        common = self.expect_ok("--version").splitlines()
        self.assertEqual(lines[0].split(), ["tilewake", "nas", common[0].split()[1]])
        self.assertEqual(lines[1:-1], common[1:])
        self.assertRegex(lines[-1], r"^LibTorch +\d")


class UsageTest(NasTest):
    def test_what_is_no_command_line_exits_2_and_makes_nothing(self):
        before = self.names_in()
        run = ["nas", "run"]
        whole = [*run, "--hw", "midap", "--target-ms", "1", "--out", "out"]
        for pattern, *arguments in [
                ("no command; one of run, search, scale, postprocess, train, evaluate", "nas"),
                ("unknown command 'serch'; one of run, search", "nas", "serch"),
                ("option '--hw' is required .*'tilewake nas run --help'", *run),
                ("option '--hw' is required .*'tilewake nas scale --help'", "nas", "scale"),
                ("unrecognised option '--bogus'", *whole, "--bogus"),
                ("--resume and --force exclude each other", *whole, "--resume", "--force"),
                ("'--device' must be one of auto, cpu, cuda, not 'tpu'", *whole, "--device", "tpu"),
                ("'--precision' must be one of auto, float32, mixed", *whole, "--precision", "x"),
                ("'--format' must be one of table, json, not 'csv'", *whole, "--format", "csv"),
                ("'--seed' .*not '9223372036854775808'", *whole, "--seed", "9223372036854775808"),
                ("'--threads' must be an integer from 0 to 256, not '257'", *whole, "--threads",
                 "257"),
                ("'--random' must be an integer from 0 to 100, not '101'", *whole, "--random",
                 "101"),
        ]:
            with self.subTest(arguments):
                self.expect_error(2, pattern, *arguments)
        self.assertEqual(self.names_in(), before)

    def test_a_target_is_a_positive_number_of_milliseconds(self):
        for text in ("0", "-1", "nan", "inf", "a", "1ms", "1e400", "0.1,", "0.1,-0.2",
                     ",".join(str(i) for i in range(1, 34))):
            with self.subTest(text):
                self.expect_refused("option '--target-ms'", *self.arguments(
                    "--target-ms", text, "--out", "out", without=["--target-ms"]), code=2)
                self.assertFalse((self.dir / "out").exists())

    def test_usage_is_checked_before_any_file(self):
        self.expect_refused("--format", "--hw", "no.yaml", "--target-ms", "1", "--out", "x",
                            "--format", "xml", code=2)


class InputTest(NasTest):
    def write_idx(self, directory, num_images=20, num_labels=None, side=4):
        """As MNIST's files: images of two classes."""
        (self.dir / directory).mkdir()
        for part in ("train", "t10k"):
            images = struct.pack(">4I", 0x803, num_images, side, side)
            pixels = bytes((i * 37 + i // 16 * 11) % 256 for i in range(num_images * side * side))
            labels = struct.pack(">2I", 0x801, num_labels or num_images)
            classes = bytes(i % 2 for i in range(num_labels or num_images))
            (self.dir / directory / f"{part}-images-idx3-ubyte").write_bytes(images + pixels)
            (self.dir / directory / f"{part}-labels-idx1-ubyte").write_bytes(labels + classes)

    def test_what_cannot_be_read_exits_3_and_names_file_line_and_key(self):
        self.with_model()
        (self.dir / "empty").mkdir()
        self.write_idx("short", num_labels=10)
        self.write("bad.yaml", "name: x\nvalidation_share: 0.1\nhue: 1\n")
        self.write("negative.yaml", "name: x\nsupergraph: {epochs: -1}\n")
        space = (SOURCE / "nas/spaces/fashion_small.yaml").read_text()
        self.write("space.yaml", space.replace("width: 28", "width: 0"))
        self.write("hw.yaml", MACHINE.replace("num_cims: 16", "num_cims: 0"))
        self.write("other.yaml", MACHINE.replace("num_cims: 16", "num_cims: 8"))
        self.write("file", "mine")
        before = self.names_in()
        for option, value, pattern in [
                ("--hw", "nosuch", "unknown machine 'nosuch'; known: .*midap"),
                ("--hw", "nosuch.yaml", "nosuch.yaml: cannot open"),
                ("--hw", "hw.yaml", r"hw.yaml:\d+: core.num_cims: "),
                ("--recipe", "nosuch", "unknown recipe 'nosuch'; known: compare, gpu, paper, quick, "),
                ("--recipe", "bad.yaml", r"bad.yaml:3: hue: unknown key; known here: evolution, guided, name, "),
                ("--recipe", "negative.yaml", r"negative.yaml:2: supergraph.epochs: must be above"),
                ("--space", "space.yaml", r"space.yaml:5: input.width: "),
                ("--data", "nosuch", "nosuch: is neither a directory nor one of: fashion-mnist, "),
                ("--data", "file", "file: "),
                ("--data", "empty", "empty: no data set found: neither train-images-idx3-ubyte"),
                ("--data", "short", "short/train-images-idx3-ubyte: has 20 images, but "),
                ("--model", "nosuch.yaml", "nosuch.yaml: cannot open"),
                ("--model", "machine.yaml", "machine.yaml"),
                ("--out", "file", "file: exists and is not a directory"),
                ("--out", "file/below", "file/below: .*file: is not a directory"),
                ("--out", "/proc/nowhere/out", "/proc/nowhere/out: cannot create directory"),
        ]:
            with self.subTest((option, value)):
                rest = [] if option == "--out" else ["--out", "out"]
                self.expect_refused(pattern, *self.arguments(option, value, *rest,
                                                             without=[option]))
        self.assertEqual(self.names_in(), before)
        self.expect_refused(r"model.yaml: is of machine midap@\w+, but --hw is midap@\w+",
                            *self.arguments("--hw", "other.yaml", "--out", "out",
                                            without=["--hw"]))
        self.assertEqual(self.names_in(), before)

    def test_a_value_of_set_is_checked_like_the_recipe_and_the_message_names_it(self):
        for value, code, pattern in [
                ("hue=1", 3, r"tiny_recipe.yaml:\d+: hue: unknown key; known here: evolution, guided, name, "),
                ("train.hue=1", 3, r"tiny_recipe.yaml:\d+: train.hue: unknown key; known here: "),
                ("train.epochs=abc", 3, "train.epochs: cannot read 'abc' as a finite number"),
                ("train.epochs=-1", 3, "train.epochs: must be above 0 and at most"),
                ("train.optimizer.kind=magic", 3, "train.optimizer.kind: .*adamw"),
                ("train.epochs", 2, "--set"),
                ("train.epochs=1,2", 2, "--set"),
        ]:
            with self.subTest(value):
                message = self.expect_refused(pattern, *self.arguments(
                    "--out", "out", "--set", "search.epochs=1", value), code=code)
                self.assertIn("--set", message)
                self.assertIn(value.split("=")[0], message)
        self.assertFalse((self.dir / "out").exists())

    def test_data_for_which_no_space_is_made_have_one_that_follows_them(self):
        self.with_model()
        self.write_idx("images")
        self.expect_refused("recipe tiny: .*batch_size 32 is more than the 18 images",
                            *self.arguments("--data", "images", "--out", "out",
                                            without=["--data"]))

    def test_only_phases_of_the_method_need_images(self):
        self.with_model()
        self.write_idx("images")
        arguments = self.arguments("--data", "images", "--out", "out", "--set", *(
            f"{phase}.batch_size=8" for phase in ("supergraph", "search", "ranking", "train")),
            "supernet.batch_size=1000", without=["--data"])
        self.expect_refused("supernet.batch_size 1000 is more than the 18 images",
                            *arguments, "--method", "random")
        self.expect_found(*arguments, "--method", "s3nas", command="search")

    def write_png(self, name, side=8):
        """A grey image."""
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(
                ">I", zlib.crc32(kind + data))
        rows = b"".join(b"\0" + bytes((x * y * 9) % 256 for x in range(side)) for y in range(side))
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89PNG\r\n\x1a\n"
                         + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
                         + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

    def test_folders_of_classes_are_split_and_damaged_images_named(self):
        self.with_model()
        for label in ("cat", "dog", "two\nlines"):
            for i in range(10):
                self.write_png(f"pets/{label}/{i}.png")
        arguments = self.arguments("--data", "pets", "--out", "out", without=["--data"])
        # 8 of 10 are for training, one of these for validation.
        self.expect_refused("recipe tiny: .*batch_size 32 is more than the 21 images of pets",
                            *arguments)
        image = self.dir / "pets/two\nlines/3.png"
        image.write_bytes(image.read_bytes()[:50])
        self.expect_refused(r"pets/two\?lines/3.png: damaged PNG image", *arguments)
        image.unlink()
        (self.dir / "pets/none").mkdir()
        self.expect_refused("pets/none: has no images", *arguments)
        self.assertFalse((self.dir / "out").exists())

    def test_data_that_do_not_fit_the_space_are_refused(self):
        self.with_model()
        self.write_idx("images")
        self.expect_refused("space synthetic has 10 classes, data images has 2", *self.arguments(
            "--data", "images", "--space", "synthetic", "--out", "a", without=["--data"]))
        self.expect_refused("space cifar takes images of 3 channels, data synthetic has 1",
                            *self.arguments("--space", "cifar", "--out", "b"))
        self.assertFalse((self.dir / "a").exists() or (self.dir / "b").exists())

    def test_what_the_computer_lacks_is_said(self):
        if pathlib.Path("/dev/nvidiactl").exists():
            self.skipTest("there is a CUDA device")
        self.expect_refused("--device cuda: LibTorch finds no CUDA device", *self.arguments(
            "--out", "out", "--device", "cuda"))
        self.expect_refused("--precision mixed: only supported on cuda", *self.arguments(
            "--out", "out", "--precision", "mixed"))
        self.assertFalse((self.dir / "out").exists())

    def test_an_executable_without_its_companion_says_what_is_missing(self):
        alone = self.dir / "alone/tilewake"
        alone.parent.mkdir()
        shutil.copy(EXE, alone)
        self.expect_error(3, r"cannot start \S+/alone/tilewake-nas: No such file or directory; .*"
                          "-DTILEWAKE_BUILD_NAS=ON", "nas",
                          "--help", exe=alone)
        link = self.dir / "link"
        link.symlink_to(EXE)
        self.expect_ok("nas", "--help", exe=link)


if __name__ == "__main__":
    unittest.main()
