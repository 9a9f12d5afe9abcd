// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_fields.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/yaml_reader.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

enum class Color { kRed, kBlue };
constexpr std::pair<std::string_view, Color> kColors[] = {{"red", Color::kRed},
                                                          {"blue", Color::kBlue}};

struct Circle {
  double radius = 1.0;
};
struct Square {
  std::int64_t side = 2;
};

struct Drawing {
  std::string name = "a \"b\"\n";
  int count = 3;
  double share = 0.5;
  bool filled = true;
  Color color = Color::kBlue;
  std::array<Color, 2> layers = {Color::kBlue, Color::kRed};
  std::variant<Circle, Square> shape;
  Circle frame;
};

void visit_fields(YamlFields& fields, Circle& c) {
  fields.number("radius", c.radius, {0.0, 10.0, true}, {"mm", "of the circle"});
}
void visit_fields(YamlFields& fields, Square& c) { fields.integer("side", c.side, 1, 9); }

void visit_fields(YamlFields& fields, Drawing& d) {
  const std::pair<std::string_view, Circle> frames[] = {{"wide", Circle{9.0}}};
  fields.text("name", d.name);
  fields.integer("count", d.count, 0, 4);
  fields.number("share", d.share, {0.0, 1.0});
  fields.section("look", [&] {
    fields.flag("filled", d.filled);
    fields.word("color", d.color, kColors);
    fields.order("layers", d.layers, kColors);
  });
  fields.section("shape", [&] {
    fields.alternative("kind", d.shape, {"circle", "square"});
    std::visit([&](auto& shape) { visit_fields(fields, shape); }, d.shape);
  });
  fields.section("frame", [&] {
    fields.preset("preset", d.frame, frames, [&] { visit_fields(fields, d.frame); });
  });
}

std::string written(Drawing drawing) {
  YamlFieldWriter writer;
  visit_fields(writer, drawing);
  return writer.yaml();
}

Drawing read(const std::string& text,
             YamlFieldReader::Missing missing = YamlFieldReader::Missing::kError) {
  Drawing drawing;
  YamlReader yaml = YamlReader::from_text(text, "d.yaml");
  YamlFieldReader fields(yaml, missing);
  visit_fields(fields, drawing);
  fields.finish();
  return drawing;
}

std::string error_with(const std::string& from, const std::string& to) {
  std::string text = written({});
  text.replace(text.find(from), from.size(), to);
  return input_error_of([&] { read(text); });
}

TEST(YamlFieldsTest, WhatIsWrittenReadsBackEqual) {
  Drawing drawing;
  drawing.count = 0;
  drawing.share = 1.0 / 3.0;
  drawing.filled = false;
  drawing.color = Color::kRed;
  drawing.layers = {Color::kRed, Color::kBlue};
  drawing.shape = Square{7};
  drawing.frame.radius = 0.1;
  EXPECT_EQ(written(read(written(drawing))), written(drawing));
  EXPECT_EQ(read(written(drawing)).name, drawing.name);
}

TEST(YamlFieldsTest, ErrorsNameFileLineAndKey) {
  EXPECT_THAT(error_with("count: 3", "count: 5"), StartsWith("d.yaml:2: count: "));
  EXPECT_THAT(error_with("share: 0.5", "share: 1.5"), StartsWith("d.yaml:3: share: "));
  EXPECT_THAT(error_with("filled: true", "filled: 1"), StartsWith("d.yaml:5: look.filled: "));
  EXPECT_THAT(error_with("color: blue", "color: bleu"), StartsWith("d.yaml:6: look.color: "));
  EXPECT_THAT(error_with("[blue, red]", "[red, red]"), StartsWith("d.yaml:7: look.layers: "));
  EXPECT_THAT(error_with("[blue, red]", "[red, blue, red]"), StartsWith("d.yaml:7: look.layers: "));
  EXPECT_THAT(error_with("radius: 1", "radius: 0"), StartsWith("d.yaml:10: shape.radius: "));
  EXPECT_THAT(error_with("radius", "radios"), HasSubstr(": shape.radius: missing"));
  EXPECT_THAT(error_with("color", "colour: red\n  color"),
              StartsWith("d.yaml:6: look.colour: unknown key"));
}

std::vector<std::string> errors_of(const std::string& text) {
  try {
    read(text);
  } catch (const InputErrors& e) {
    return e.messages();
  }
  return {};
}

TEST(YamlFieldsTest, AllErrorsOfAFileAreTold) {
  std::string text = written({});
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"count: 3", "count: 5"}, {"color: blue", "colour: blue"}, {"radius: 1", "radius: 0"}})
    text.replace(text.find(from), from.size(), to);
  text += "extra: 1\n";
  EXPECT_THAT(errors_of(text),
              ::testing::ElementsAre(StartsWith("d.yaml:2: count: "),
                                     HasSubstr(": look.color: missing; line 6 has 'colour'"),
                                     StartsWith("d.yaml:10: shape.radius: "),
                                     HasSubstr(": extra: unknown key")));
}

TEST(YamlFieldsTest, AWrongSelectorIsTheOnlyErrorOfItsMapping) {
  std::string text = written({});
  text.replace(text.find("kind: circle"), 12, "kind: circel");
  text.replace(text.find("count: 3"), 8, "count: 5");
  EXPECT_THAT(errors_of(text),
              ::testing::ElementsAre(StartsWith("d.yaml:2: count: "), HasSubstr(": shape.kind: ")));
}

TEST(YamlFieldsTest, MissingKeysAreErrorsOrKeepTheirValue) {
  EXPECT_THAT(input_error_of([] { read("name: x\n"); }), HasSubstr("count: missing"));
  const Drawing drawing =
      read("name: x\nlook:\n  filled: false\n", YamlFieldReader::Missing::kKeepValue);
  EXPECT_EQ(drawing.name, "x");
  EXPECT_FALSE(drawing.filled);
  EXPECT_EQ(drawing.count, 3);
}

TEST(YamlFieldsTest, APresetGivesTheValuesThatAreLeftOut) {
  const std::string text = written({});
  const std::string head = text.substr(0, text.find("frame:"));
  EXPECT_EQ(read(head + "frame:\n  preset: wide\n").frame.radius, 9.0);
  EXPECT_EQ(read(head + "frame:\n  preset: wide\n  radius: 8\n").frame.radius, 8.0);
  EXPECT_THAT(input_error_of([&] { read(head + "frame:\n  preset: narrow\n"); }),
              HasSubstr("frame.preset: "));
}

TEST(YamlFieldsTest, TheTableHasARowForEveryKeyThatIsWritten) {
  Drawing drawing;
  YamlFieldTable table;
  visit_fields(table, drawing);
  std::vector<std::string> keys;
  for (const YamlFieldTable::Row& row : table.rows()) keys.push_back(row.key);
  EXPECT_THAT(keys,
              ::testing::ElementsAre("name", "count", "share", "look.filled", "look.color",
                                     "look.layers", "shape.kind", "shape.radius", "frame.radius"));
  const YamlFieldTable::Row& radius = table.rows()[7];
  EXPECT_EQ(radius.unit, "mm");
  EXPECT_EQ(radius.range, "above 0 and at most 10");
  EXPECT_EQ(radius.value, "1");
  EXPECT_EQ(radius.meaning, "of the circle");
  EXPECT_EQ(table.rows()[1].range, "0..4");
  EXPECT_EQ(table.rows()[4].range, "`red`, `blue`");
}

}  // namespace
}  // namespace tilewake
