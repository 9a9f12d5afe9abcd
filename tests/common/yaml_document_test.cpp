// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_document.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/yaml_reader.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

std::string document_error(const std::string& text) {
  return input_error_of([&] { parse_yaml(text, "f.yaml"); });
}

std::string error_of_file(const std::string& path) {
  return input_error_of([&] { YamlReader::from_file(path); });
}

TEST(YamlDocumentTest, EveryNodeHasItsLine) {
  const YamlNode root = parse_yaml("a: 1\nb:\n  c: [x,\n    y]\n", "f.yaml");
  ASSERT_EQ(root.keys.size(), 2u);
  EXPECT_EQ(root.keys[1].line, 2);
  const YamlNode* c = root.find("b")->find("c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->line, 3);
  EXPECT_EQ(c->children[1].line, 4);
  EXPECT_EQ(c->children[1].scalar, "y");
  EXPECT_EQ(root.find("z"), nullptr);
}

TEST(YamlDocumentTest, JsonIsYaml) {
  const YamlNode root = parse_yaml("{\"a\": {\"b\": [1, 2]}}", "f.json");
  EXPECT_EQ(root.find("a")->find("b")->children.size(), 2u);
}

TEST(YamlDocumentTest, SyntaxErrorNamesFileAndLine) {
  EXPECT_THAT(document_error("a: 1\nb: [1, 2\nc: 3\n"), MatchesRegex("f\\.yaml:[23]: .+"));
  EXPECT_THAT(document_error("a: \"\\q\"\n"), MatchesRegex("f\\.yaml:1: .+"));
  EXPECT_THAT(document_error("a: \"\\UFFFFFFFF\"\n"), MatchesRegex("f\\.yaml:1: .+"));
}

TEST(YamlDocumentTest, QuoteOpenAtTheEndIsRefused) {
  EXPECT_EQ(document_error("a: 1\nb: 'open\n"), "f.yaml:2: the quote is not closed");
  EXPECT_EQ(document_error("a: 1\nb: \"open\n"), "f.yaml:2: the quote is not closed");
  EXPECT_EQ(document_error("a: \"open\\\"\n"), "f.yaml:1: the quote is not closed");
  EXPECT_EQ(document_error("a: 'it''s\n"), "f.yaml:1: the quote is not closed");
  EXPECT_EQ(document_error("a: 'it''s'\nb: \"\\\"\"\nc: ''\n"), "no error");
  EXPECT_EQ(document_error("a: '\xc3\xa9'\nb: '\xc3\xa9'"), "no error");
  EXPECT_EQ(document_error("a: |\n  it's\n"), "no error");
}

TEST(YamlDocumentTest, EmptyFileIsRefused) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "%YAML 1.2\n"}) {
    EXPECT_EQ(document_error(text), "f.yaml:1: the file is empty") << text;
  }
}

TEST(YamlDocumentTest, RootMustBeAMapping) {
  for (const char* text : {"- 1\n", "text\n", "~\n", "--- ~"}) {
    EXPECT_EQ(document_error(text), "f.yaml:1: expected a mapping at the top level") << text;
  }
}

TEST(YamlDocumentTest, SecondDocumentIsRefused) {
  EXPECT_THAT(document_error("a: 1\n---\nb: 2\n"), HasSubstr("more than one document in the file"));
  EXPECT_THAT(document_error("---\na: 1\n...\n---\nb: 2\n"),
              HasSubstr("more than one document in the file"));
  EXPECT_EQ(document_error("---\na: 1\n...\n"), "no error");
}

TEST(YamlDocumentTest, DuplicateKeyNamesBothLines) {
  EXPECT_EQ(document_error("a: 1\nb: 2\na: 3\n"), "f.yaml:3: a: key given twice, first on line 1");
  EXPECT_EQ(document_error("s:\n  x: 1\n  x: 1\n"),
            "f.yaml:3: x: key given twice, first on line 2");
  EXPECT_EQ(document_error("a: {x: 1}\nb: {x: 1}\n"), "no error");
}

TEST(YamlDocumentTest, KeysAreScalars) {
  for (const char* text :
       {"? [a, b]\n: 1\n", "? {a: b}\n: 1\n", "{[a]: 1}\n", "? \n: 1\n", ": 1\n", "~: 1\n"}) {
    EXPECT_THAT(document_error(text), MatchesRegex("f\\.yaml:[12]: a key must be a plain word; .+"))
        << text;
  }
}

TEST(YamlDocumentTest, AnchorsAliasesMergeKeysAndTagsAreRefused) {
  EXPECT_THAT(document_error("a: &x 1\nb: 2\n"), HasSubstr("f.yaml:1: anchors"));
  EXPECT_THAT(document_error("a: &x [1]\nb: *x\n"), HasSubstr("f.yaml:1: anchors"));
  EXPECT_THAT(document_error("&x a: 1\n"), HasSubstr("f.yaml:1: anchors"));
  EXPECT_THAT(document_error("a: 1\nb: *x\n"),
              HasSubstr("f.yaml:2: the referenced anchor is not defined"));
  EXPECT_THAT(document_error("a: 1\n<<: {b: 2}\n"), HasSubstr("f.yaml:2: merge keys"));
  EXPECT_THAT(document_error("a: !!int 3\n"), HasSubstr("f.yaml:1: tags"));
  EXPECT_THAT(document_error("a: 1\nb: !python/object {}\n"), HasSubstr("f.yaml:2: tags"));
}

TEST(YamlDocumentTest, BillionLaughsIsRefusedAtItsFirstAnchor) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string last = std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + last + ", *a" + last +
            "]\n";
  }
  EXPECT_THAT(document_error(text), HasSubstr("f.yaml:1: anchors"));
}

TEST(YamlDocumentTest, NestingIsBounded) {
  const auto flow = [](int depth) {  // the root mapping is one level
    return "a: " + std::string(static_cast<std::size_t>(depth - 1), '[') +
           std::string(static_cast<std::size_t>(depth - 1), ']') + "\n";
  };
  EXPECT_EQ(document_error(flow(kMaxYamlDepth)), "no error");
  EXPECT_EQ(document_error(flow(kMaxYamlDepth + 1)), "f.yaml:1: nested deeper than 32 levels");
  std::string block;
  for (int i = 0; i < 100; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_THAT(document_error(block), HasSubstr("f.yaml:33: nested deeper than 32 levels"));
  EXPECT_THAT(document_error("a: " + std::string(4'000'000, '[')),
              HasSubstr("f.yaml:1: brackets nested"));
  EXPECT_THAT(document_error("a: 1\nb: " + std::string(4'000'000, '{')),
              HasSubstr("f.yaml:2: brackets nested"));
  EXPECT_THAT(document_error(std::string(1'000'000, '-')), MatchesRegex("f\\.yaml:1: .+"));
}

TEST(YamlDocumentTest, SizeAndNumberOfValuesAreBounded) {
  EXPECT_THAT(document_error("a: " + std::string(kMaxYamlBytes, 'x')), StartsWith("f.yaml: "));
  std::string text = "a: [";
  for (int i = 0; i <= kMaxYamlNodes; ++i) text += "0,";
  EXPECT_EQ(document_error(text + "]"), "f.yaml:1: more than 524288 values in the file");
}

TEST(YamlDocumentTest, ControlCharactersAreRefused) {
  EXPECT_EQ(document_error("a: 1\nb: \x04 2\n"), "f.yaml:2: control character 0x04");
  EXPECT_EQ(document_error(std::string("a: \0", 4)), "f.yaml:1: control character 0x00");
  EXPECT_EQ(document_error("a:\x1b[31m"), "f.yaml:1: control character 0x1b");
  EXPECT_EQ(document_error("a: 1\r\nb:\t2\r\n"), "no error");
}

TEST(YamlDocumentTest, MutantsParseOrAreExplained) {
  const std::string text =
      "name: x\nlist: [1, 2, {a: b}]\nblock:\n  - one\n  - \"two\"\n  - k: |\n      text\n"
      "    l: 'q'\nnull_value: ~\n";
  expect_mutants_parse_or_explain(
      text, /*seed=*/1, /*num_mutants=*/3000,
      [](const std::string& mutant, const std::string& name) { parse_yaml(mutant, name); });
}

TEST(YamlFileTest, FileIsReadAndNamedInErrors) {
  const TempDir dir;
  std::ofstream(dir.file("good.yaml")) << "a: 1\n";
  EXPECT_EQ(YamlReader::from_file(dir.file("good.yaml")).required<int>("a"), 1);
  std::ofstream(dir.file("bad.yaml")) << "a: 1\na: 2\n";
  EXPECT_EQ(error_of_file(dir.file("bad.yaml")),
            dir.file("bad.yaml") + ":2: a: key given twice, first on line 1");
}

TEST(YamlFileTest, MissingFileSaysWhy) {
  const TempDir dir;
  EXPECT_EQ(error_of_file(dir.file("none.yaml")),
            dir.file("none.yaml") + ": cannot open file: No such file or directory");
  EXPECT_THAT(error_of_file(""), HasSubstr("cannot open file"));
}

TEST(YamlFileTest, DirectoriesPipesAndDevicesAreRefusedAtOnce) {
  const TempDir dir;
  EXPECT_THAT(error_of_file(dir.path().string()), HasSubstr("is a directory, expected a file"));
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of_file(dir.file("pipe")), HasSubstr("is not a regular file"));
  EXPECT_THAT(error_of_file("/dev/zero"), HasSubstr("is not a regular file"));
}

TEST(YamlFileTest, LargeFileIsRefusedWithoutReadingIt) {
  const TempDir dir;
  std::ofstream(dir.file("large.yaml")) << "a: 1\n";
  std::filesystem::resize_file(dir.file("large.yaml"), std::uintmax_t{1} << 40);  // sparse
  EXPECT_THAT(error_of_file(dir.file("large.yaml")), HasSubstr("larger than 4194304 bytes"));
}

}  // namespace
}  // namespace tilewake
