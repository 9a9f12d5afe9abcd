// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// The values of a Python pickle: dictionaries, lists, tuples, integers, texts, bytes and arrays of
/// NumPy, as in the files of CIFAR. Nothing is executed: of the globals that a pickle may name,
/// only those that make an array or encode bytes are accepted, and each has a fixed meaning here.
///
/// Accepted are the opcodes that Python's protocols 2 to 5 use for these values, at most 2 million
/// in a file. Left out: floats, other objects, pickles in text (protocol 0), and references in
/// text.
class Pickle {
 public:
  enum class Kind { kNone, kInteger, kText, kList, kTuple, kDict, kGlobal, kDtype, kArray };

  /// Index of a value.
  using Ref = std::uint32_t;

  struct Value {
    Kind kind = Kind::kNone;
    std::int64_t integer = 0;  // also of true, false and of a global
    std::string_view text;     // texts, bytes; of a dtype its name; of an array its elements
    std::vector<Ref> items;    // of a dictionary: key, value, key, ...; of an array: its shape
  };

  /// `file` must outlive this. Throws InputError naming `path` if it is damaged or holds anything
  /// else.
  Pickle(const std::string& path, const std::vector<std::uint8_t>& file);

  const Value& root() const { return values_[root_]; }
  const Value& value(Ref ref) const { return values_[ref]; }

  /// The value of `key` in the root; nullptr if there is none, or the root is not a dictionary.
  const Value* find(std::string_view key) const;

 private:
  friend class PickleReader;

  std::vector<Value> values_;
  std::list<std::string> decoded_;  // bytes that are not in the file as they are
  Ref root_ = 0;
};

}  // namespace tilewake
