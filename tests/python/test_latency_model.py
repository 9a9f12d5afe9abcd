# SPDX-License-Identifier: Apache-2.0
"""Calibration and prediction equal those of the program."""
import pytest
import support

import tilewake

NUM_NETWORKS = 60


@pytest.fixture(scope="module")
def model():
    return tilewake.calibrate("tpu_like_128", num_networks=NUM_NETWORKS, num_folds=4, seed=7)


def test_model_is_byte_identical_to_that_of_the_program(model, tmp_path):
    path = tmp_path / "model.yaml"
    report = support.run_json("calibrate", "--hw", "tpu_like_128", "--networks", NUM_NETWORKS,
                              "--folds", 4, "--seed", 7, "--out", path)
    assert model.to_yaml() == path.read_text()
    model.save(tmp_path / "saved.yaml")
    assert (tmp_path / "saved.yaml").read_bytes() == path.read_bytes()
    assert report["holdout"]["layers"]["mape"] == pytest.approx(model.mape_holdout)


def test_accuracy_is_that_of_held_out_networks(model):
    assert 0 < model.mape_holdout < model.holdout["roofline_mape"]
    assert model.holdout["layers"]["mape"] == model.mape_holdout
    assert model.holdout["networks"]["n"] <= NUM_NETWORKS
    assert 0 < model.mape_train < 1
    assert set(model.holdout["by_class"]["conv2d"]) == set(model.holdout["layers"])
    assert model.hardware == "tpu_like_128"
    assert model.machine == tilewake.machines.read("tpu_like_128").id


def test_loaded_model_predicts_the_same(model, tmp_path):
    model.save(tmp_path / "model.yaml")
    expected = tilewake.predict(model, "resnet50")
    for other in (tilewake.load_model(tmp_path / "model.yaml"),
                  tilewake.LatencyModel.load(tmp_path / "model.yaml"),
                  tilewake.LatencyModel.from_yaml(model.to_yaml()), tmp_path / "model.yaml"):
        prediction = tilewake.predict(other, "resnet50")
        assert (prediction.summary, prediction.layers) == (expected.summary, expected.layers)
    loaded = tilewake.load_model(tmp_path / "model.yaml")
    assert loaded.mape_train is None and loaded.holdout == model.holdout


@pytest.mark.parametrize("network", ["resnet50", "mobilenet_v2"])
def test_prediction_is_that_of_the_program(model, tmp_path, network):
    path = tmp_path / "model.yaml"
    model.save(path)
    expected = support.run_json("predict", "-q", "--model", path, "--net", network)
    layers = expected.pop("layers")
    prediction = tilewake.predict(model, network)
    assert {key: prediction.summary[key] for key in expected} == expected
    rows = support.rows_of(prediction.layers)
    assert [{key: row[key] for key in layers[0]} for row in rows] == layers
    assert sum(prediction.layers["total_cycles"]) == prediction.total_cycles
    assert prediction.latency_ms == expected["latency_ms"]


def test_calibrates_to_traces(tmp_path):
    traces = []
    for network in ("resnet18", "squeezenet", "mobilenet_v1"):
        support.run("simulate", "--hw", "midap", "--net", network, "--out", tmp_path / network)
        traces.append(tmp_path / network)
    support.run("calibrate", "--hw", "midap", "--out", tmp_path / "model.yaml",
                *[word for trace in traces for word in ("--trace", trace)])
    model = tilewake.calibrate("midap", traces=traces)
    assert model.to_yaml() == (tmp_path / "model.yaml").read_text()
    with pytest.raises(tilewake.InputError, match="layers.csv:3: machine: "):
        tilewake.calibrate("tpu_like_128", traces=traces)


def test_wrong_model_files_are_refused(tmp_path):
    with pytest.raises(tilewake.IoError):
        tilewake.load_model(tmp_path / "nothing.yaml")
    with pytest.raises(tilewake.InputError, match="^<text>:"):
        tilewake.LatencyModel.from_yaml("name: tiny\n")
    with pytest.raises(tilewake.InputError, match="networks"):
        tilewake.calibrate("midap", num_networks=1)
