// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <torch/torch.h>

namespace tilewake {

/// The state of something that is trained: values and tensors by name, and nested archives. It
/// holds data alone; LibTorch's own archives hold code as well, which their reader executes.
///
/// The readers throw InputError where a value is missing or of another type, so that a file of
/// another program version is refused as a whole.
class StateArchive {
 public:
  using Strings = std::vector<std::string>;
  using Tensors = std::vector<torch::Tensor>;
  using Nested = std::shared_ptr<const StateArchive>;  // never null
  using Value = std::variant<std::int64_t, double, std::string, Strings, Tensors, Nested>;

  /// Tensors are not copied where they are on the CPU and contiguous.
  void write(const std::string& key, Value value);
  void write(const std::string& key, StateArchive nested);

  std::int64_t read_int(const std::string& key) const;
  double read_double(const std::string& key) const;
  const std::string& read_string(const std::string& key) const;
  const Strings& read_strings(const std::string& key) const;
  const Tensors& read_tensors(const std::string& key) const;
  const StateArchive& read_archive(const std::string& key) const;

  /// Copies the tensors at `key` into `tensors`, whose number, shapes and types they must have.
  /// Changes nothing where it throws.
  void read_into(const std::string& key, const Tensors& tensors) const;

  /// All values, in the order of their names.
  const std::map<std::string, Value>& values() const { return values_; }

 private:
  template <typename T>
  const T& typed(const std::string& key) const;

  std::map<std::string, Value> values_;
};

/// "[3, 5] Float", for errors.
std::string shape_text(const torch::Tensor& tensor);

}  // namespace tilewake
