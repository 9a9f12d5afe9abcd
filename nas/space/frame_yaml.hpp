// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nas/space/architecture.hpp"
#include "nas/space/search_space.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {

/// The common keys of search-space and architecture files: all except the blocks.
struct FrameYaml {
  std::string name;
  Shape input;
  int num_classes = 0;
  int stem_kernel = 0;
  int stem_stride = 0;
  int stem_width = 0;
  int head_width = 0;
  Activation activation = Activation::kRelu;

  /// Throws InputError naming file, line and key.
  static FrameYaml read(YamlReader& root);

  std::string text() const;

  template <typename T>
  static FrameYaml of(const T& from) {
    FrameYaml frame;
    copy(from, frame);
    return frame;
  }
  template <typename T>
  void store_in(T& to) const {
    copy(*this, to);
  }

 private:
  template <typename From, typename To>
  static void copy(const From& from, To& to) {
    to.name = from.name;
    to.input = from.input;
    to.num_classes = from.num_classes;
    to.stem_kernel = from.stem_kernel;
    to.stem_stride = from.stem_stride;
    to.stem_width = from.stem_width;
    to.head_width = from.head_width;
    to.activation = from.activation;
  }
};

/// An integer in this range, or a sequence of them.
int read_int(YamlReader& yaml, const std::string& key, int min, int max);
std::vector<int> read_ints(YamlReader& yaml, const std::string& key, int min, int max);

/// `kernels`: odd, ascending, distinct.
std::vector<int> read_kernels(YamlReader& yaml);

/// Calls `action`; converts its errors to errors of the whole file.
template <typename Action>
void located_at(const YamlReader& root, const std::string& key, Action action) {
  try {
    action();
  } catch (const InputError& e) {
    root.fail(key, e.what());
  }
}

}  // namespace tilewake
