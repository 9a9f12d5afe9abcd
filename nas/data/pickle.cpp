// SPDX-License-Identifier: Apache-2.0
// Source: the comments of pickletools.py in CPython, which define the opcodes; NumPy's
// ndarray.__reduce__ and dtype.__reduce__, which define the arguments of its globals.
#include "nas/data/pickle.hpp"

#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

// CIFAR-100 has 50,000 images with 8 opcodes each at most.
constexpr std::size_t kMaxOpcodes = 2'000'000;
constexpr std::uint8_t kMaxProtocol = 5;

enum class Opcode : std::uint8_t {
  kMark = '(',
  kEmptyTuple = ')',
  kStop = '.',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96
};

enum class KnownGlobal { kReconstruct, kFromBuffer, kNdarray, kDtype, kEncode };

struct GlobalName {
  std::string_view module;
  std::string_view name;
  KnownGlobal global;
};

constexpr std::array<GlobalName, 7> kGlobals = {{
    {"numpy.core.multiarray", "_reconstruct", KnownGlobal::kReconstruct},
    {"numpy._core.multiarray", "_reconstruct", KnownGlobal::kReconstruct},
    {"numpy.core.numeric", "_frombuffer", KnownGlobal::kFromBuffer},
    {"numpy._core.numeric", "_frombuffer", KnownGlobal::kFromBuffer},
    {"numpy", "ndarray", KnownGlobal::kNdarray},
    {"numpy", "dtype", KnownGlobal::kDtype},
    {"_codecs", "encode", KnownGlobal::kEncode},
}};

}  // namespace

/// The virtual machine of a pickle: a stack of values, marks in it, and a memo.
class PickleReader {
 public:
  PickleReader(const std::string& path, const std::vector<std::uint8_t>& file, Pickle& pickle)
      : path_(path),
        bytes_(reinterpret_cast<const char*>(file.data()), file.size()),
        pickle_(pickle) {}

  void read() {
    for (std::size_t num_opcodes = 0; num_opcodes < kMaxOpcodes; ++num_opcodes) {
      opcode_begin_ = at_;
      const auto opcode = static_cast<Opcode>(take(1)[0]);
      if (opcode == Opcode::kStop) {
        pickle_.root_ = pop();
        if (!stack_.empty() || !marks_.empty()) fail("values are left at the end");
        return;
      }
      run(opcode);
    }
    fail(fmt::format("more than {} opcodes", kMaxOpcodes));
  }

 private:
  using Ref = Pickle::Ref;
  using Kind = Pickle::Kind;
  using Value = Pickle::Value;

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: byte {}: {}", path_, opcode_begin_, what));
  }
  void check(bool ok, const char* what) const {
    if (!ok) fail(what);
  }

  void run(Opcode opcode) {
    using enum Opcode;
    switch (opcode) {
      case kProto:
        return check(number(1) <= kMaxProtocol, "unknown protocol");
      case kFrame:
        return static_cast<void>(take(8));
      case kMark:
        return marks_.push_back(stack_.size());
      case kNone:
        return push({Kind::kNone, 0, {}, {}});
      case kNewTrue:
      case kNewFalse:
        return push_integer(opcode == kNewTrue ? 1 : 0);
      case kBinInt:
        return push_integer(static_cast<std::int32_t>(number(4)));
      case kBinInt1:
        return push_integer(static_cast<std::int64_t>(number(1)));
      case kBinInt2:
        return push_integer(static_cast<std::int64_t>(number(2)));
      case kShortBinString:
      case kShortBinBytes:
      case kShortBinUnicode:
        return push_text(take(number(1)));
      case kBinString:
      case kBinBytes:
      case kBinUnicode:
        return push_text(take(number(4)));
      case kBinBytes8:
      case kBinUnicode8:
      case kByteArray8:
        return push_text(take(number(8)));
      case kEmptyDict:
        return push({Kind::kDict, 0, {}, {}});
      case kEmptyList:
        return push({Kind::kList, 0, {}, {}});
      case kEmptyTuple:
        return push({Kind::kTuple, 0, {}, {}});
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return push({Kind::kTuple, 0, {}, pop_items(size_of(opcode))});
      case kTuple:
        return push({Kind::kTuple, 0, {}, pop_to_mark()});
      case kAppend:
        return add(Kind::kList, pop_items(1));
      case kAppends:
        return add(Kind::kList, pop_to_mark());
      case kSetItem:
        return add(Kind::kDict, pop_items(2));
      case kSetItems:
        return add(Kind::kDict, pop_to_mark());
      case kBinPut:
        return put(number(1));
      case kLongBinPut:
        return put(number(4));
      case kMemoize:
        return put(memo_.size());
      case kBinGet:
        return get(number(1));
      case kLongBinGet:
        return get(number(4));
      case kGlobal: {
        const std::string_view module = line();
        return push_global(module, line());
      }
      case kStackGlobal: {
        const std::string_view name = text_of(pop());
        return push_global(text_of(pop()), name);
      }
      case kReduce:
        return reduce();
      case kBuild:
        return build();
      default:
        fail(fmt::format("opcode 0x{:02x} is not allowed", static_cast<unsigned>(opcode)));
    }
  }

  static std::size_t size_of(Opcode tuple) {
    return std::size_t{1} + static_cast<std::uint8_t>(tuple) -
           static_cast<std::uint8_t>(Opcode::kTuple1);
  }

  // --- The file.

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) fail("unexpected end");
    const std::string_view result = bytes_.substr(at_, static_cast<std::size_t>(count));
    at_ += result.size();
    return result;
  }

  std::uint64_t number(std::size_t num_bytes) {
    std::uint64_t value = 0;
    std::size_t shift = 0;
    for (const char c : take(num_bytes)) {
      value |= std::uint64_t{static_cast<unsigned char>(c)} << shift;
      shift += 8;
    }
    return value;
  }

  /// Up to the next line feed, which is skipped. Names of globals are short.
  std::string_view line() {
    constexpr std::size_t kMaxLine = 256;
    const std::size_t length = bytes_.substr(at_, kMaxLine).find('\n');
    if (length == std::string_view::npos) fail("the name of a global does not end");
    const std::string_view result = take(length);
    take(1);
    return result;
  }

  // --- Stack and memo.

  Value& value(Ref ref) { return pickle_.values_[ref]; }
  const std::string_view& text_of(Ref ref) {
    check(value(ref).kind == Kind::kText, "not a text");
    return value(ref).text;
  }
  const std::vector<Ref>& tuple_of(Ref ref, std::size_t min_size) {
    check(value(ref).kind == Kind::kTuple && value(ref).items.size() >= min_size,
          "not the arguments of this global");
    return value(ref).items;
  }

  void push(Value value) {
    stack_.push_back(static_cast<Ref>(pickle_.values_.size()));
    pickle_.values_.push_back(std::move(value));
  }
  void push_integer(std::int64_t integer) { push({Kind::kInteger, integer, {}, {}}); }
  void push_text(std::string_view text) { push({Kind::kText, 0, text, {}}); }

  std::size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }
  Ref pop() { return pop_items(1).front(); }
  std::vector<Ref> pop_items(std::size_t count) {
    check(stack_.size() - bottom() >= count, "a value is missing");
    const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<Ref> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    return items;
  }
  std::vector<Ref> pop_to_mark() {
    check(!marks_.empty(), "a mark is missing");
    std::vector<Ref> items = pop_items(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }

  /// Adds to the container that is then on top.
  void add(Kind kind, const std::vector<Ref>& items) {
    check(stack_.size() > bottom() && value(stack_.back()).kind == kind, "no list or dictionary");
    check(kind != Kind::kDict || items.size() % 2 == 0, "a key without a value");
    std::vector<Ref>& to = value(stack_.back()).items;
    to.insert(to.end(), items.begin(), items.end());
  }

  void put(std::uint64_t index) {
    check(stack_.size() > bottom(), "a value is missing");
    check(index < kMaxOpcodes, "index of the memo is too large");
    if (index >= memo_.size()) memo_.resize(static_cast<std::size_t>(index) + 1, kUnset);
    memo_[static_cast<std::size_t>(index)] = stack_.back();
  }
  void get(std::uint64_t index) {
    check(index < memo_.size() && memo_[static_cast<std::size_t>(index)] != kUnset,
          "nothing at this index of the memo");
    stack_.push_back(memo_[static_cast<std::size_t>(index)]);
  }

  // --- Globals.

  void push_global(std::string_view module, std::string_view name) {
    for (const GlobalName& known : kGlobals) {
      if (known.module == module && known.name == name)
        return push({Kind::kGlobal, static_cast<std::int64_t>(known.global), {}, {}});
    }
    fail(fmt::format("global {}.{} is not allowed", printable(std::string(module)),
                     printable(std::string(name))));
  }

  bool is_global(Ref ref, KnownGlobal global) {
    return value(ref).kind == Kind::kGlobal &&
           value(ref).integer == static_cast<std::int64_t>(global);
  }

  void reduce() {
    const Ref arguments = pop();
    const Ref function = pop();
    if (is_global(function, KnownGlobal::kReconstruct)) {
      check(is_global(tuple_of(arguments, 3)[0], KnownGlobal::kNdarray), "not an ndarray");
      push({Kind::kArray, 0, {}, {}});
    } else if (is_global(function, KnownGlobal::kDtype)) {
      push({Kind::kDtype, 0, text_of(tuple_of(arguments, 1)[0]), {}});
    } else if (is_global(function, KnownGlobal::kFromBuffer)) {
      const std::vector<Ref> items = tuple_of(arguments, 4);
      push({Kind::kArray, 0, {}, {}});
      fill(stack_.back(), items[2], items[1], text_of(items[3]) == "C", text_of(items[0]));
    } else if (is_global(function, KnownGlobal::kEncode)) {
      const std::vector<Ref> items = tuple_of(arguments, 2);
      check(text_of(items[1]) == "latin1", "not latin1");
      push_text(latin1_of(text_of(items[0])));
    } else {
      fail("this value cannot be called");
    }
  }

  void build() {
    const Ref state = pop();
    check(stack_.size() > bottom(), "a value is missing");
    const Ref object = stack_.back();
    if (value(object).kind == Kind::kArray) {  // version, shape, dtype, is Fortran, elements
      const std::vector<Ref> items = tuple_of(state, 5);
      fill(object, items[1], items[2], value(items[3]).integer == 0, text_of(items[4]));
    } else {
      // The state of a dtype: byte order and alignment, which do not matter for one byte.
      check(value(object).kind == Kind::kDtype && value(state).kind == Kind::kTuple,
            "this value has no state");
    }
  }

  void fill(Ref array, Ref shape, Ref dtype, bool is_row_major, std::string_view elements) {
    check(is_row_major, "an array in Fortran order");
    check(value(dtype).kind == Kind::kDtype && value(dtype).text == "u1",
          "an array of elements other than uint8");
    const std::vector<Ref> sides = tuple_of(shape, 1);
    std::uint64_t count = 1;
    for (const Ref side : sides) {
      check(value(side).kind == Kind::kInteger && value(side).integer >= 0 &&
                value(side).integer <= std::numeric_limits<std::int32_t>::max(),
            "not the side of an array");
      const auto length = static_cast<std::uint64_t>(value(side).integer);
      check(length == 0 || count <= bytes_.size() / length, "an array larger than the file");
      count *= length;
    }
    check(count == elements.size(), "the elements of an array do not have its shape");
    value(array).text = elements;
    value(array).items = sides;
  }

  /// The bytes that Python 3 writes as text, for Python 2 to read.
  std::string_view latin1_of(std::string_view utf8) {
    check(utf8.size() <= bytes_.size() - num_decoded_, "too many encoded bytes");
    num_decoded_ += utf8.size();
    std::string latin1;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
      const auto lead = static_cast<unsigned char>(utf8[i]);
      if (lead < 0x80) {
        latin1 += utf8[i];
        continue;
      }
      const auto next = static_cast<unsigned char>(++i < utf8.size() ? utf8[i] : 0);
      check((lead == 0xc2 || lead == 0xc3) && (next & 0xc0U) == 0x80, "not a text of Latin-1");
      latin1 += static_cast<char>((lead & 0x03U) << 6U | (next & 0x3fU));
    }
    return pickle_.decoded_.emplace_back(std::move(latin1));
  }

  static constexpr Ref kUnset = std::numeric_limits<Ref>::max();

  const std::string& path_;
  std::string_view bytes_;
  Pickle& pickle_;
  std::size_t at_ = 0;
  std::size_t opcode_begin_ = 0;
  std::size_t num_decoded_ = 0;
  std::vector<Ref> stack_;
  std::vector<std::size_t> marks_;
  std::vector<Ref> memo_;
};

Pickle::Pickle(const std::string& path, const std::vector<std::uint8_t>& file) {
  PickleReader(path, file, *this).read();
}

const Pickle::Value* Pickle::find(std::string_view key) const {
  if (root().kind != Kind::kDict) return nullptr;
  const std::vector<Ref>& items = root().items;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (value(items[i]).kind == Kind::kText && value(items[i]).text == key)
      return &value(items[i + 1]);
  }
  return nullptr;
}

}  // namespace tilewake
