// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/fuzz_targets.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latency_model/model_yaml.hpp"
#include "nas/data/decode.hpp"
#include "nas/data/formats.hpp"
#include "nas/evolution/evolution_file.hpp"
#include "nas/recipe/recipe.hpp"
#include "nas/search/step_record.hpp"
#include "nas/space/architecture.hpp"
#include "nas/space/operator_space.hpp"
#include "nas/space/search_space.hpp"
#include "simulator/cli/run_manifest.hpp"
#include "simulator/cli/sweep_journal.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/hardware/hardware_yaml.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/network/onnx/onnx_reader.hpp"
#include "simulator/network/onnx/onnx_writer.hpp"
#include "simulator/network/scalesim_csv.hpp"
#include "simulator/network/tflite/tflite_reader.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

void require(bool holds, const char* law) {
  if (!holds) throw std::logic_error(law);
}

/// Readers that take a path find their files here.
const TempDir& directory() {
  static const TempDir directory;
  return directory;
}

std::string write_file(const std::string& name, std::string_view bytes) {
  const std::string path = directory().file(name);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::logic_error("cannot write " + path);
  return path;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// --- YAML files.

std::string text_of(const Network& network) {
  std::ostringstream text;
  write_network(text, network);
  return text.str();
}

void run_machine(const std::string& input) {
  const std::string text = hardware_yaml(read_hardware_text(input, "m.yaml"));
  require(hardware_yaml(read_hardware_text(text, "m.yaml")) == text, "a machine reads back equal");
}

void run_network(const std::string& input) {
  const std::string text = text_of(read_network_text(input, "n.yaml"));
  require(text_of(read_network_text(text, "n.yaml")) == text, "a network reads back equal");
}

/// The features of no machine, so that the targets do without mappers and feature streams.
class FixedFeatures final : public FeatureExtractor {
 public:
  const FeatureSet& set() const override {
    static constexpr std::array<std::string_view, 2> kClasses = {"conv", "pool"};
    static constexpr std::array<FeatureInfo, 2> kFeatures = {
        FeatureInfo{"compute", "cycles per issue slot", "slots of the array", 0.9, 1.1},
        FeatureInfo{"start", "cycles per cycle", "filling of the pipe", 0.0, 10.0}};
    static constexpr FeatureSet kSet{kClasses, kFeatures};
    return kSet;
  }
  std::vector<LayerFeatures> extract(const Network&) const override { return {}; }
};

std::unique_ptr<FeatureExtractor> fixed_features(const HardwareConfig&) {
  return std::make_unique<FixedFeatures>();
}

/// Seeds have "@VERSION@" where a model has the version of the tool, which changes.
void run_model(const std::string& input) {
  constexpr std::string_view kPlaceholder = "@VERSION@";
  std::string current = input;
  const std::size_t at = input.find(kPlaceholder);
  if (at != std::string::npos) current.replace(at, kPlaceholder.size(), kVersion);
  const LatencyModel model = read_latency_model_text(current, "model.yaml", fixed_features);
  const std::string text = model_yaml(model, fixed_features);
  const LatencyModel again = read_latency_model_text(text, "model.yaml", fixed_features);
  require(model_yaml(again, fixed_features) == text, "a latency model reads back equal");
}

void run_search_space(const std::string& input) {
  const SearchSpace space = read_search_space_for({3, 40, 10}, input, "s.yaml");
  require(read_search_space_text(search_space_yaml(space), "s.yaml") == space,
          "a search space reads back equal");
}

void run_operator_space(const std::string& input) {
  const OperatorSpace space = read_operator_space_for({3, 40, 10}, input, "s.yaml");
  require(read_operator_space_text(operator_space_yaml(space), "s.yaml") == space,
          "an operator space reads back equal");
}

void run_architecture(const std::string& input) {
  const Architecture architecture = read_architecture_text(input, "a.yaml");
  require(read_architecture_text(architecture_text(architecture), "a.yaml") == architecture,
          "an architecture reads back equal");
}

void run_recipe(const std::string& input) {
  const std::string text = recipe_yaml(read_recipe_text(input, "r.yaml", {}));
  require(recipe_yaml(read_recipe_text(text, "r.yaml", {})) == text, "a recipe reads back equal");
}

// --- Networks and traces in other formats.

void run_onnx(const std::string& input) {
  const Network network = read_onnx(input, "m.onnx").network;
  const std::string bytes = write_onnx(network);  // refuses layers whose names would meet
  require(text_of(read_onnx(bytes, "m.onnx").network) == text_of(network),
          "a network reads back equal from ONNX");
}

void run_tflite(const std::string& input) {
  const std::string text = text_of(read_tflite(input, "m.tflite").network);
  require(text_of(read_network_text(text, "n.yaml")) == text,
          "a network from TensorFlow Lite reads back equal");
}

void run_scalesim(const std::string& input) {
  for (const Network& network : read_scalesim_topology(input, "t.csv").networks) {
    const std::string text = text_of(network);
    require(text_of(read_network_text(text, "n.yaml")) == text,
            "a layer of a topology reads back equal");
  }
}

std::vector<TraceRow> rows_of(const std::string& text) {
  std::istringstream stream(text);
  return read_trace(stream, "layers.csv").rows;
}

void run_trace(const std::string& input) {
  const std::string text = trace_csv(rows_of(input));
  require(trace_csv(rows_of(text)) == text, "a trace reads back equal");
}

// --- Files of a run. A hash protects them from damage; mutants are given the right one.

using Json = nlohmann::ordered_json;

/// Deeper values are for the readers to refuse: they overflow the stack of nlohmann's destructors.
bool is_deep(std::string_view text) {
  constexpr std::ptrdiff_t kMaxBrackets = 1000;
  return std::count_if(text.begin(), text.end(), [](char c) { return c == '[' || c == '{'; }) >
         kMaxBrackets;
}

void run_journal(const std::string& input) {
  std::string text;
  std::istringstream lines(input);
  for (std::string line; std::getline(lines, line);) {
    Json json = is_deep(line) ? Json() : Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) {
      json.erase("check");
      json["build"] = "build";
      const std::string dumped = json.dump(-1, ' ', false, Json::error_handler_t::replace);
      json["check"] = fmt::format("fnv1a64:{:016x}", fnv1a64(dumped));
      line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    text += line + "\n";
  }
  const SweepJournal journal(write_file("points.jsonl", text), "build", /*resume=*/true);
  const std::string written = journal.text_of({});
  const SweepJournal again(write_file("again.jsonl", written), "build", /*resume=*/true);
  require(again.warning().empty(), "every line of a journal can be read");
  require(again.text_of({}) == written, "a journal reads back equal");
}

/// `input` with its hash put right, if it is JSON with one.
std::string with_hash(const std::string& input) {
  if (is_deep(input)) return input;
  nlohmann::json json = nlohmann::json::parse(input, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return input;
  json.erase("hash");
  try {
    json["hash"] = fmt::format("{:016x}", fnv1a64(json.dump()));
    return json.dump();
  } catch (const nlohmann::json::exception&) {  // a string that is not UTF-8
    return input;
  }
}

void run_step_record(const std::string& input) {
  const std::string path = (directory().path() / "search.json").string();
  write_file("search.json", with_hash(input));
  const auto record = read_step_record(path, "settings\n");
  if (!record) return;
  const std::string again_path = (directory().path() / "again.json").string();
  write_step_record(again_path, *record);
  const std::string written = read_file(again_path);
  const auto again = read_step_record(again_path, "settings\n");
  require(again.has_value(), "a step record can be read back");
  write_step_record(again_path, *again);
  require(read_file(again_path) == written, "a step record reads back equal");
}

void run_manifest(const std::string& input) {
  constexpr RunManifest::Names kNames = {
      [](std::string_view name) { return name == "a" || name == "b" || name == "sub/c"; },
      [](std::string_view name) { return name == "sub"; }};
  const fs::path run = directory().path() / "run";
  fs::create_directory(run);
  write_file("run/manifest.txt", input);
  write_file("run/a", "text");
  RunManifest manifest(run, kNames);
  for (const std::string& name : manifest.listed()) {
    require(kNames.is_file(name), "a manifest lists only files of such a run");
  }
  manifest.tidy();
  const RunManifest again(run, kNames);
  require(again.exists() && again.listed() == manifest.listed(), "a manifest reads back equal");
}

void run_evolution(const std::string& input) {
  const std::string path = write_file("evolution.json", with_hash(input));
  write_evolution(path, "settings", read_evolution(path, "settings"));
  const std::string written = read_file(path);
  write_evolution(path, "settings", read_evolution(path, "settings"));
  require(read_file(path) == written, "an evolution file reads back equal");
}

// --- Images.

void check_image(const Image& image) {
  const auto size = static_cast<std::size_t>(image.channels) *
                    static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
  require(size > 0 && image.pixels.size() == size, "an image has the pixels of its size");
}

void run_jpeg(const std::string& input) {
  const std::vector<std::uint8_t> file(input.begin(), input.end());
  for (const int short_side : {0, 16}) {
    Image image;
    decode_jpeg("i.jpg", file, short_side, image);
    check_image(image);
  }
}

void run_png(const std::string& input) {
  const std::vector<std::uint8_t> file(input.begin(), input.end());
  Image image;
  decode_png("i.png", file, image);
  check_image(image);
}

void run_webp(const std::string& input) {
  const std::vector<std::uint8_t> file(input.begin(), input.end());
  Image image;
  decode_webp("i.webp", file, image);
  check_image(image);
}

void run_bmp(const std::string& input) {
  const std::vector<std::uint8_t> file(input.begin(), input.end());
  Image image;
  decode_bmp("i.bmp", file, image);
  check_image(image);
}

void check_data(const ImageData& data) {
  for (const auto& source : {data.train, data.test}) {
    for (std::int64_t i = 0; i < std::min<std::int64_t>(source->size(), 16); ++i) {
      Image image;
      source->read(i, image);
      check_image(image);
      require(source->label(i) >= 0 && source->label(i) < data.num_classes(),
              "a label is one of the classes");
    }
  }
}

/// The first byte is the length of the file of labels; the file of images follows it.
void run_idx(const std::string& input) {
  const std::size_t begin = std::min<std::size_t>(input.size(), 1);
  const std::size_t size = begin == 0 ? 0 : static_cast<unsigned char>(input[0]);
  const std::string_view rest = std::string_view(input).substr(begin);
  for (const char* part : {"train", "t10k"}) {
    write_file(fmt::format("{}-labels-idx1-ubyte", part), rest.substr(0, size));
    write_file(fmt::format("{}-images-idx3-ubyte", part), rest.substr(std::min(size, rest.size())));
  }
  check_data(open_idx(directory().path().string(), {}));
}

/// The first 64 bytes are the file of class names.
void run_cifar10(const std::string& input) {
  constexpr std::size_t kNameBytes = 64;
  write_file("batches.meta.txt", std::string_view(input).substr(0, kNameBytes));
  const std::string_view records =
      std::string_view(input).substr(std::min(kNameBytes, input.size()));
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    write_file(name, records);
  }
  check_data(open_cifar10(directory().path().string()));
}

/// Every batch, in the Python version.
void run_cifar10_python(const std::string& input) {
  for (const char* name : {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4",
                           "data_batch_5", "test_batch"}) {
    write_file(name, input);
  }
  check_data(open_cifar10_python(directory().path().string()));
}

constexpr auto kTargets = std::to_array<FuzzTarget>({
    {"architecture", run_architecture},
    {"bmp", run_bmp},
    {"cifar10", run_cifar10},
    {"cifar10_python", run_cifar10_python},
    {"evolution", run_evolution},
    {"idx", run_idx},
    {"journal", run_journal},
    {"jpeg", run_jpeg},
    {"machine", run_machine},
    {"manifest", run_manifest},
    {"model", run_model},
    {"network", run_network},
    {"onnx", run_onnx},
    {"operator_space", run_operator_space},
    {"png", run_png},
    {"recipe", run_recipe},
    {"scalesim", run_scalesim},
    {"search_space", run_search_space},
    {"step_record", run_step_record},
    {"tflite", run_tflite},
    {"trace", run_trace},
    {"webp", run_webp},
});

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return kTargets; }

const FuzzTarget* find_fuzz_target(std::string_view name) {
  const auto found =
      std::find_if(kTargets.begin(), kTargets.end(), [&](const auto& t) { return t.name == name; });
  return found == kTargets.end() ? nullptr : found;
}

bool run_fuzz_target(const FuzzTarget& target, const std::string& input) {
  try {
    target.run(input);
    return true;
  } catch (const InputError& e) {
    const std::string_view what = e.what();
    const bool is_line = std::none_of(what.begin(), what.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte < 0x20 || byte == 0x7f;
    });
    if (what.empty() || !is_line) {
      throw std::logic_error(fmt::format("an error is one printable line: '{}'", what));
    }
    return false;
  }
}

}  // namespace tilewake
