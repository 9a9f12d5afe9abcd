// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "nas/cli/nas_command.hpp"
#include "nas/cli/nas_options.hpp"
#include "nas/common/accuracy.hpp"
#include "nas/data/given_images.hpp"
#include "nas/data/image_loader.hpp"
#include "nas/export/deployed_onnx.hpp"
#include "nas/functional/tile_executor.hpp"
#include "nas/quantization/parallel_images.hpp"
#include "nas/quantization/qdq_onnx.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxInt8ModelBytes = std::size_t{1} << 30;
constexpr int kImagesPerBatch = 32;
constexpr std::int64_t kMaxExecutedImages = 10'000'000;

struct FunctionalOptions {
  std::string hardware;
  std::string run;
  std::string network;
  std::string int8_model;
  std::string input;
  std::vector<std::string> settings;
  std::string format = "table";
  std::int64_t max_images = 0;
  std::int64_t num_threads = 0;
  bool functional = false;
  bool verbose = false;
  bool quiet = false;
};

bool parse_functional(const Arguments& arguments, FunctionalOptions& values) {
  Options options(
      "simulate --functional",
      "simulate --functional --hw FILE (--run DIR | --net FILE --int8 FILE.onnx)\n"
      "                         --input FILE|DIR|NAME [--images N] [--set KEY=VALUE...]\n"
      "                         [--format table|json] ...",
      "Functional simulation: computes a network in int8 as the machine does, tile by tile: what\n"
      "each step loads, its partial sums in the order of the program, the parts of several cores,\n"
      "with the integers of a quantized model. Every feature map is compared with the reference\n"
      "executor's. With labels, the accuracy is that of the network on the machine. Cycles are\n"
      "those of 'simulate' without --functional. For machines of the kinds systolic and vector.");
  options.flag("functional", values.functional, "this mode");
  options.required("hw", values.hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.optional("run", values.run, "DIR",
                   "directory of a finished run, of nas run or nas train");
  options.optional("net", values.network, "FILE", "the network in floats, with --int8");
  options.optional("int8", values.int8_model, "FILE.onnx",
                   "its int8 model: of nas quantize --out, or a run's deploy/model_int8.onnx");
  options.required("input", values.input, "FILE|DIR|NAME",
                   "images: an array NAME.npy of uint8, an idx file, a directory of images, or a "
                   "data set as in nas run --data, of which the test images are used");
  options.integer("images", values.max_images, 0, kMaxExecutedImages, "N",
                  "the first N images only; 0: all");
  options.list("set", values.settings, "KEY=VALUE...",
               "override a value of the machine, as in core.rows=16");
  options.integer("threads", values.num_threads, 0, kMaxThreads, "N",
                  "number of threads; 0: one per core");
  options.optional("format", values.format, "table|json", "what is printed");
  options.flag("verbose,v", values.verbose, "log more on standard error");
  options.flag("quiet,q", values.quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return false;
  if (values.run.empty() == values.network.empty()) throw UsageError("give one of --run and --net");
  if (values.network.empty() != values.int8_model.empty())
    throw UsageError("--net and --int8 belong together");
  check_word("--format", values.format, {"table", "json"});
  return true;
}

/// The network with its integers, and how images are prepared for it.
struct Int8Network {
  QuantizedNetwork quantized;
  Preprocessing preprocessing;
};

Int8Network read_int8_network(const FunctionalOptions& options) {
  const bool is_run = !options.run.empty();
  const std::string model = is_run ? options.run + "/deploy/model_int8.onnx" : options.int8_model;
  const Workload workload = read_workload(is_run ? options.run + "/model.onnx" : options.network);
  const Shape& input = workload.network().input;
  if (input.height != input.width)
    throw InputError(
        fmt::format("{}: takes images of {} x {} pixels; only squares are prepared here",
                    workload.file.path, input.height, input.width));
  const std::string bytes = read_text_file(model, kMaxInt8ModelBytes);
  return {read_qdq_model(bytes, model, workload.network()), read_preprocessing(bytes, model)};
}

/// Labels of other classes have no accuracy.
void check_labels(const Preprocessing& preprocessing, const GivenImages& images,
                  const std::string& input) {
  if (images.classes.empty()) return;
  std::vector<std::string> labels;
  for (const std::string& label : images.classes) labels.push_back(one_line(label));
  if (labels != preprocessing.labels)
    throw InputError(fmt::format(
        "{}: has {} classes, the network {}, of other names or another number; to execute images "
        "without labels, give their directory",
        input, labels.size(), preprocessing.labels.size()));
}

std::unique_ptr<ImageLoader> loader_of(const GivenImages& images,
                                       const Preprocessing& preprocessing, std::int64_t side,
                                       const FunctionalOptions& options, int num_threads) {
  ImageData data;
  data.channels = preprocessing.channels;
  data.mean = preprocessing.mean;
  data.stddev = preprocessing.stddev;
  std::int64_t count = images.source->size();
  if (options.max_images > 0) count = std::min(count, options.max_images);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), 0);
  LoaderOptions loader;
  loader.batch_size = kImagesPerBatch;
  loader.resolution = static_cast<int>(side);
  loader.num_threads = num_threads;
  return std::make_unique<ImageLoader>(data, images.source, std::move(indices), loader);
}

struct Executed {
  std::int64_t num_images = 0;
  std::int64_t num_equal = 0;  // images with every integer as in the reference
  std::int64_t num_correct = 0;
  std::string first_different;  // a layer, of the first image that differs
  std::vector<int> labels;      // by image
  TileCounts counts;            // of one image
};

TileCounts sum_of(const std::vector<TileCounts>& all) {
  TileCounts sum;
  for (const TileCounts& c : all) {
    sum.steps += c.steps;
    sum.products += c.products;
    sum.feature_bytes += c.feature_bytes;
    sum.weight_bytes += c.weight_bytes;
    sum.written_bytes += c.written_bytes;
  }
  return sum;
}

/// The name of the first layer whose map differs; empty: none does.
std::string first_difference(const Network& network, const TileResult& result,
                             const std::vector<IntegerMap>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!result.maps[i].empty() && result.maps[i] != expected[i]) return network.layers[i].name;
  return "";
}

Executed execute(const TileExecutor& executor, ImageLoader& images, int num_threads) {
  const Network& network = executor.reference().quantized().network;
  Executed all;
  std::mutex mutex;
  Progress progress("executed", "images", images.num_images());
  Batch batch;
  images.start(0);
  while (images.next(batch)) {
    const std::size_t size = batch.images.size() / static_cast<std::size_t>(batch.num_images);
    const auto first = static_cast<std::size_t>(all.num_images);
    all.labels.resize(first + static_cast<std::size_t>(batch.num_images));
    for_each_image(batch.num_images, num_threads, [&](std::int64_t n) {
      const auto i = static_cast<std::size_t>(n);
      const auto image = std::span<const float>(batch.images).subspan(i * size, size);
      const TileResult result = executor.run(image);
      const std::string different =
          first_difference(network, result, executor.reference().run_all(image));
      const IntegerMap& logits = result.maps.back();
      const auto label =
          static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
      all.labels[first + i] = label;
      const std::lock_guard<std::mutex> lock(mutex);
      if (first + i == 0) all.counts = sum_of(result.counts);
      if (different.empty()) ++all.num_equal;
      if (!different.empty() && all.first_different.empty()) all.first_different = different;
      if (label == batch.labels[i]) ++all.num_correct;
    });
    all.num_images += batch.num_images;
    progress.update_if_due(all.num_images);
  }
  return all;
}

std::string functional_json(const Network& network, const HardwareConfig& hardware,
                            const GivenImages& images, const Executed& executed) {
  nlohmann::ordered_json json;
  json["network"] = network.name;
  json["hardware"] = hardware.name;
  json["images"] = executed.num_images;
  json["equal_images"] = executed.num_equal;
  if (!images.classes.empty()) {
    const double share =
        static_cast<double>(executed.num_correct) / static_cast<double>(executed.num_images);
    json["correct"] = executed.num_correct;
    json["accuracy"] = share;
    json["standard_error"] = binomial_error(share, executed.num_images);
  }
  json["per_image"] = {{"steps", executed.counts.steps},
                       {"products", executed.counts.products},
                       {"read_feature_bytes", executed.counts.feature_bytes},
                       {"read_weight_bytes", executed.counts.weight_bytes},
                       {"written_bytes", executed.counts.written_bytes}};
  json["labels"] = executed.labels;
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string functional_table(const Network& network, const HardwareConfig& hardware,
                             const GivenImages& images, const Executed& executed) {
  const TileCounts& counts = executed.counts;
  std::string text =
      fmt::format("{} on {}: {} {}, tile by tile in int8\n", network.name, hardware.name,
                  executed.num_images, executed.num_images == 1 ? "image" : "images");
  text += executed.num_equal == executed.num_images
              ? std::string("every feature map is that of the reference executor\n")
              : fmt::format("{} images differ from the reference executor, the first at layer {}\n",
                            executed.num_images - executed.num_equal, executed.first_different);
  if (!images.classes.empty()) {
    const double share =
        static_cast<double>(executed.num_correct) / static_cast<double>(executed.num_images);
    text += fmt::format("accuracy on the machine: {}\n",
                        as_percent(share, binomial_error(share, executed.num_images)));
  }
  text += fmt::format(
      "\neach image: {} steps, {} products, {} bytes of features and {} of weights read into "
      "buffers, {} written\n",
      counts.steps, counts.products, counts.feature_bytes, counts.weight_bytes,
      counts.written_bytes);
  return text;
}

}  // namespace

ExitCode nas_simulate_command(const Arguments& arguments) {
  FunctionalOptions options;
  if (!parse_functional(arguments, options)) return ExitCode::kOk;
  set_log_level(options.verbose, options.quiet);
  const Machine machine =
      load_machine(options.hardware, single_values(parse_settings(options.settings)));
  const Int8Network network = read_int8_network(options);
  const TileExecutor executor(network.quantized, machine.config);
  const GivenImages images = open_given_images(
      options.input, {network.preprocessing.channels, network.preprocessing.crops_centre});
  check_labels(network.preprocessing, images, options.input);
  const int num_threads = options.num_threads > 0
                              ? static_cast<int>(options.num_threads)
                              : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const Network& executed_network = executor.reference().quantized().network;
  const auto loader =
      loader_of(images, network.preprocessing, executed_network.input.height, options, num_threads);
  const Executed executed = execute(executor, *loader, num_threads);
  write_result(options.format == "json"
                   ? functional_json(executed_network, machine.config, images, executed)
                   : functional_table(executed_network, machine.config, images, executed));
  return executed.num_equal == executed.num_images ? ExitCode::kOk : ExitCode::kToleranceMissed;
}

}  // namespace tilewake
