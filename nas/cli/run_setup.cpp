// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/run_setup.hpp"

#include <algorithm>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "nas/training/threads.hpp"
#include "simulator/api/data_files.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/settings.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {

torch::Device device_of(const std::string& name) {
  const bool has_cuda = torch::cuda::is_available();
  if (name == "cuda" && !has_cuda) {
    throw InputError("--device cuda: LibTorch finds no CUDA device");
  }
  const bool is_cuda = name == "cuda" || (name == "auto" && has_cuda);
  return is_cuda ? torch::Device(torch::kCUDA) : torch::Device(torch::kCPU);
}

bool is_mixed(const std::string& precision, torch::Device device) {
  if (precision == "mixed" && !device.is_cuda()) {
    throw InputError("--precision mixed: only supported on cuda, the device is cpu");
  }
  return device.is_cuda() && precision != "float32";
}

std::string recipe_name(const std::string& option, const ImageData& data) {
  constexpr std::int64_t kFewImages = 5000;
  if (option != "auto") return option;
  return data.train->size() < kFewImages ? "small" : "standard";
}

Recipe recipe_of(const std::string& name, const std::vector<std::string>& overrides) {
  const std::vector<YamlOverride> settings = single_values(parse_settings(overrides));
  const InputFile file = read_recipe_file(name);
  try {
    return read_recipe_text(file.text, file.path, settings);
  } catch (const InputError& e) {
    if (settings.empty()) throw;
    throw InputError(
        fmt::format("{} (with --set {})", e.what(), printable(settings_text(settings))));
  }
}

int start_threads(std::int64_t num_threads, int local_size) {
  // A launcher may bind a process to some cores, which are counted here alone.
  const auto num_bound = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const auto num_online = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  const int num_cores = std::min(num_bound, std::max(1, num_online / local_size));
  const int used = num_threads == 0 ? num_cores : static_cast<int>(num_threads);
  set_num_threads(used);
  configure_allocator();
  return std::max(1, used / 2);
}

}  // namespace tilewake
