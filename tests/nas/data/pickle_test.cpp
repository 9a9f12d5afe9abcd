// SPDX-License-Identifier: Apache-2.0
#include "nas/data/pickle.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/nas/data/pickle_files.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Bytes pickle_bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::string pickle_error(const Bytes& bytes) {
  return input_error_of([&] { Pickle("p", bytes); });
}

TEST(Pickle, GivesTheValuesOfADictionary) {
  const Bytes bytes = PickleWriter()
                          .op("}q\x01(")
                          .text("labels")
                          .integers({3, -1, 70000})
                          .text("label_names")
                          .texts({"a", "b"})
                          .text("data")
                          .array({2, 3}, "abcdef")
                          .op("u.")
                          .bytes();
  const Pickle pickle("p", bytes);
  const Pickle::Value* labels = pickle.find("labels");
  ASSERT_NE(labels, nullptr);
  EXPECT_EQ(labels->kind, Pickle::Kind::kList);
  std::vector<std::int64_t> values;
  for (const Pickle::Ref ref : labels->items) values.push_back(pickle.value(ref).integer);
  EXPECT_EQ(values, (std::vector<std::int64_t>{3, -1, 70000}));
  const Pickle::Value* data = pickle.find("data");
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(data->kind, Pickle::Kind::kArray);
  EXPECT_EQ(data->text, "abcdef");
  EXPECT_EQ(pickle.value(data->items[1]).integer, 3);
  EXPECT_EQ(pickle.value(pickle.find("label_names")->items[1]).text, "b");
  EXPECT_EQ(pickle.find("other"), nullptr);
}

// Of the same dictionary {"a": 5, "b": b"\xff\x01"}: protocol 2 of Python 3, which encodes bytes as
// text, and protocol 4 with frames and a memo without indices.
TEST(Pickle, ReadsWhatPython3Writes) {
  const Bytes of_protocol_2 = pickle_bytes(
      std::string("\x80\x02}q\x00(X\x01\x00\x00\x00", 11) +
      std::string("aq\x01K\x05X\x01\x00\x00\x00", 10) +
      std::string("bq\x02"
                  "c_codecs\nencode\n") +
      std::string(
          "q\x03X\x03\x00\x00\x00\xc3\xbf\x01q\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07u.",
          33));
  const Bytes of_protocol_4 =
      pickle_bytes(std::string("\x80\x04\x95\x12\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01"
                               "a\x94K\x05",
                               20) +
                   std::string("\x8c\x01"
                               "b\x94"
                               "C\x02\xff\x01\x94u.",
                               11));
  for (const Bytes& bytes : {of_protocol_2, of_protocol_4}) {
    const Pickle pickle("p", bytes);
    ASSERT_NE(pickle.find("b"), nullptr);
    EXPECT_EQ(pickle.find("a")->integer, 5);
    EXPECT_EQ(pickle.find("b")->text, "\xff\x01");
  }
}

TEST(Pickle, OtherGlobalsAreRefused) {
  for (const std::string global : {"os\nsystem\n", "builtins\neval\n", "numpy\nload\n",
                                   "numpy.core.multiarray\nscalar\n", "a\x1b\n\x07\n"}) {
    const std::string error =
        pickle_error(PickleWriter().op("c" + global).text("true").op("\x85R.").bytes());
    EXPECT_THAT(error, AllOf(StartsWith("p: byte 2: "), HasSubstr("not allowed")));
    EXPECT_EQ(error.find('\x1b'), std::string::npos);
  }
  EXPECT_THAT(pickle_error(PickleWriter().text("os").text("system").op("\x93.").bytes()),
              HasSubstr("not allowed"));
  // Without the names, and with allowed ones that are no functions.
  EXPECT_THAT(pickle_error(PickleWriter().text("true").op("\x85R.").bytes()), StartsWith("p: "));
  EXPECT_THAT(pickle_error(PickleWriter().op("cnumpy\nndarray\n)R.").bytes()), StartsWith("p: "));
}

TEST(Pickle, OtherOpcodesAreRefused) {
  int num_allowed = 0;
  for (int opcode = 0; opcode < 256; ++opcode) {
    const std::string code(1, static_cast<char>(opcode));
    const std::string error = pickle_error(PickleWriter().op("(N(]N").op(code + "N").bytes());
    if (error.find("is not allowed") == std::string::npos) ++num_allowed;
  }
  EXPECT_EQ(num_allowed, 39);
  for (const std::string opcode : {"i", "o", "P", "Q", "\x81", "\x92", "\x82", "\x83", "\x84", "0"})
    EXPECT_THAT(pickle_error(PickleWriter().op(opcode).bytes()), HasSubstr("not allowed"));
}

TEST(Pickle, StackAndMemoAreChecked) {
  for (const std::string opcodes : {".",
                                    "N",
                                    "NN.",
                                    "(N.",
                                    "e.",
                                    "]Ne.",
                                    "Na.",
                                    "u.",
                                    "}Ns.",
                                    "}(Nu.",
                                    "t.",
                                    "\x85.",
                                    "Nb.",
                                    "}Nb.",
                                    "h\x01.",
                                    "q\x01N.",
                                    "j\xff\xff\xff\xff.",
                                    "Nr\xff\xff\xff\x7f.",
                                    "R.",
                                    "\x94.",
                                    "]]a(a.",
                                    "(]a.",
                                    "\x93.",
                                    "c"})
    EXPECT_THAT(pickle_error(PickleWriter().op(opcodes).bytes()), StartsWith("p: byte "))
        << opcodes;
}

TEST(Pickle, ArraysMustHaveTheElementsOfTheirShape) {
  for (const std::vector<int>& shape :
       std::vector<std::vector<int>>{{7}, {2, 4}, {-1, -6}, {2000000000, 2000000000}, {}, {0}})
    EXPECT_THAT(pickle_error(PickleWriter().array(shape, "abcdef").op(".").bytes()),
                StartsWith("p: byte "));
}

TEST(Pickle, WorkAndMemoryAreBounded) {
  // A file of marks alone, and one that would decode a text again and again.
  EXPECT_THAT(pickle_error(PickleWriter().op(std::string(3'000'000, '(')).bytes()),
              HasSubstr("2000000 opcodes"));
  PickleWriter writer;
  writer.op("c_codecs\nencode\nq\x01").text(std::string(255, 'x')).op("q\x02").text("latin1");
  writer.op("q\x03](");
  for (int i = 0; i < 1000; ++i) writer.op("h\x01h\x02h\x03\x86R");
  EXPECT_THAT(pickle_error(writer.op("e.").bytes()), HasSubstr("too many"));
}

TEST(Pickle, DamagedFilesAreRefusedOrRead) {
  const Bytes whole = pickled_batch("labels", {1, 2}, random_bytes(6144, 1));
  Random random(2);
  for (int i = 0; i < 3000; ++i) {
    Bytes bytes = damaged(whole, random);
    if (i % 2 == 0) {  // not in the pixels
      bytes = whole;
      bytes[random.below(80)] = static_cast<std::uint8_t>(random.below(256));
      bytes[bytes.size() - 1 - random.below(40)] = static_cast<std::uint8_t>(random.below(256));
    }
    EXPECT_THAT(pickle_error(bytes), AnyOf("no error", StartsWith("p: byte ")));
  }
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes start(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(pickle_error(start), StartsWith("p: byte ")) << size;
  }
}

}  // namespace
}  // namespace tilewake
