// SPDX-License-Identifier: Apache-2.0
#include "nas/training/state_archive.hpp"

#include <cstddef>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes() << ' ' << tensor.scalar_type();
  return text.str();
}

void StateArchive::write(const std::string& key, Value value) {
  if (auto* tensors = std::get_if<Tensors>(&value)) {
    for (torch::Tensor& tensor : *tensors) tensor = tensor.detach().cpu().contiguous();
  }
  values_.insert_or_assign(key, std::move(value));
}

void StateArchive::write(const std::string& key, StateArchive nested) {
  values_.insert_or_assign(key, std::make_shared<const StateArchive>(std::move(nested)));
}

template <typename T>
const T& StateArchive::typed(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw InputError(fmt::format("'{}' is missing", key));
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) {
    throw InputError(fmt::format("'{}' is of another type than this version writes", key));
  }
  return *value;
}

std::int64_t StateArchive::read_int(const std::string& key) const {
  return typed<std::int64_t>(key);
}

double StateArchive::read_double(const std::string& key) const { return typed<double>(key); }

const std::string& StateArchive::read_string(const std::string& key) const {
  return typed<std::string>(key);
}

const StateArchive::Strings& StateArchive::read_strings(const std::string& key) const {
  return typed<Strings>(key);
}

const StateArchive::Tensors& StateArchive::read_tensors(const std::string& key) const {
  return typed<Tensors>(key);
}

const StateArchive& StateArchive::read_archive(const std::string& key) const {
  return *typed<Nested>(key);
}

void StateArchive::read_into(const std::string& key, const Tensors& tensors) const {
  const torch::NoGradGuard no_grad;
  const Tensors& read = read_tensors(key);
  if (read.size() != tensors.size()) {
    throw InputError(
        fmt::format("'{}' has {} tensors, expected {}", key, read.size(), tensors.size()));
  }
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (read[i].sizes() != tensors[i].sizes() ||
        read[i].scalar_type() != tensors[i].scalar_type()) {
      throw InputError(fmt::format("'{}': tensor {} is {}, expected {}", key, i,
                                   shape_text(read[i]), shape_text(tensors[i])));
    }
  }
  for (std::size_t i = 0; i < read.size(); ++i) tensors[i].copy_(read[i]);
}

}  // namespace tilewake
