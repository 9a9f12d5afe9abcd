// SPDX-License-Identifier: Apache-2.0
#include "nas/training/archive_value.hpp"

#include <cstddef>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

c10::IValue read_ivalue(InputArchive& archive, const std::string& key) {
  c10::IValue value;
  if (!archive.try_read(key, value)) throw InputError(fmt::format("'{}' is missing", key));
  return value;
}

[[noreturn]] void fail_type(const std::string& key) {
  throw InputError(fmt::format("'{}' is of another type than this version writes", key));
}

}  // namespace

std::string shape_text(const torch::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes() << ' ' << tensor.scalar_type();
  return text.str();
}

void write_value(OutputArchive& archive, const std::string& key, std::int64_t value) {
  archive.write(key, c10::IValue(value));
}

void write_value(OutputArchive& archive, const std::string& key, double value) {
  archive.write(key, c10::IValue(value));
}

void write_value(OutputArchive& archive, const std::string& key, const std::string& value) {
  archive.write(key, c10::IValue(value));
}

void write_value(OutputArchive& archive, const std::string& key,
                 const std::vector<std::string>& values) {
  archive.write(key, c10::IValue(c10::List<std::string>(values)));
}

void write_value(OutputArchive& archive, const std::string& key,
                 const std::vector<torch::Tensor>& tensors) {
  c10::List<torch::Tensor> list;
  for (const torch::Tensor& tensor : tensors) list.push_back(tensor.detach().cpu());
  archive.write(key, c10::IValue(list));
}

std::int64_t read_int(InputArchive& archive, const std::string& key) {
  const c10::IValue value = read_ivalue(archive, key);
  if (!value.isInt()) fail_type(key);
  return value.toInt();
}

double read_double(InputArchive& archive, const std::string& key) {
  const c10::IValue value = read_ivalue(archive, key);
  if (!value.isDouble()) fail_type(key);
  return value.toDouble();
}

std::string read_string(InputArchive& archive, const std::string& key) {
  const c10::IValue value = read_ivalue(archive, key);
  if (!value.isString()) fail_type(key);
  return value.toStringRef();
}

std::vector<std::string> read_strings(InputArchive& archive, const std::string& key) {
  const c10::IValue value = read_ivalue(archive, key);
  if (!value.isList()) fail_type(key);
  std::vector<std::string> texts;
  for (const c10::IValue& text : value.toListRef()) {
    if (!text.isString()) fail_type(key);
    texts.push_back(text.toStringRef());
  }
  return texts;
}

std::vector<torch::Tensor> read_tensors(InputArchive& archive, const std::string& key) {
  const c10::IValue value = read_ivalue(archive, key);
  if (!value.isTensorList()) fail_type(key);
  return value.toTensorVector();
}

void read_into(InputArchive& archive, const std::string& key,
               const std::vector<torch::Tensor>& tensors) {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> read = read_tensors(archive, key);
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

InputArchive read_archive(InputArchive& archive, const std::string& key) {
  InputArchive nested;
  if (!archive.try_read(key, nested)) throw InputError(fmt::format("'{}' is missing", key));
  return nested;
}

}  // namespace tilewake
