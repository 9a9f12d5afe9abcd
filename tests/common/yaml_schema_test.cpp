// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_schema.hpp"

#include <array>
#include <string>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/yaml_reader.hpp"
#include "simulator/common/yaml_template.hpp"
#include "tests/support/schema_law.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

enum class Shade { kDark, kLight };
constexpr std::pair<std::string_view, Shade> kShades[] = {{"dark", Shade::kDark},
                                                          {"light", Shade::kLight}};

struct Lamp {
  double watts = 5.0;
  std::int64_t lumens = 0;
};
struct Window {
  std::int64_t panes = 1;
};

struct Room {
  std::string name = "hall";
  std::variant<Lamp, Window> light;
  std::vector<std::int64_t> doors = {1};
  Shade wall = Shade::kLight;
  std::vector<std::int64_t> rgb;
  std::array<Shade, 2> order = {Shade::kDark, Shade::kLight};
  bool heated = false;
  std::vector<std::string> tags;
};

struct House {
  std::int64_t floors = 2;
  std::int64_t height = 0;
  bool measures_height = false;
  std::int64_t garden = 0;
  bool shares_garden = false;
  std::vector<Room> rooms = {Room{}, Room{}};
};

const std::pair<std::string_view, Lamp> kLamps[] = {{"small", Lamp{3.0, 200}},
                                                    {"large", Lamp{30.0, 3000}}};

void visit_fields(YamlFields& fields, Lamp& lamp) {
  fields.preset("type", lamp, kLamps,
                [&] {
                  fields.number("watts", lamp.watts, {0.0, 100.0, true}, {"W", "power"});
                  fields.integer("lumens", lamp.lumens, 1, 9000);
                },
                {"", "of the lamp"});
}
void visit_fields(YamlFields& fields, Window& window) {
  fields.integer("panes", window.panes, 1, 9, {"", "of glass"});
}

void visit_fields(YamlFields& fields, Room& room) {
  fields.text("name", room.name);
  fields.section("light", [&] {
    fields.alternative("kind", room.light, {"lamp", "window"});
    std::visit([&](auto& light) { visit_fields(fields, light); }, room.light);
  });
  fields.optional([&] {
    fields.integers("doors", room.doors, 0, 20, {"", "numbers"}, 2, "one or two");
    fields.word_or_integers("wall", room.wall, kShades, room.rgb, 0, 255, 3, "[r, g, b]",
                            {"", "color"});
    fields.order("order", room.order, kShades);
    fields.flag("heated", room.heated);
    fields.texts("tags", room.tags, {"", "free"});
  });
}

void visit_fields(YamlFields& fields, House& house) {
  fields.optional([&] { fields.integer("floors", house.floors, 1, 9); });
  fields.or_word("height", "auto", house.measures_height, [&] {
    fields.integer("height", house.height, 1, 99, {"m", "of the roof"});
  });
  fields.or_word("garden", "shared", house.shares_garden, [&] {
    fields.section("garden", [&] { fields.integer("area", house.garden, 1, 999); });
  });
  fields.items("rooms", house.rooms, 3, [&](Room& room) { visit_fields(fields, room); });
}

YamlSchema house_schema() {
  House house;
  return schema_of([&](YamlFields& fields) { visit_fields(fields, house); });
}

House read_house(const std::string& text, const std::string& name) {
  House house;
  YamlReader yaml = YamlReader::from_text(text, name);
  YamlFieldReader fields(yaml);
  visit_fields(fields, house);
  fields.finish();
  return house;
}

template <typename Writer>
std::string written(House house) {
  Writer writer;
  visit_fields(writer, house);
  return writer.yaml();
}

constexpr char kHouse[] =
    "floors: 3\n"
    "height: auto\n"
    "garden: {area: 20}\n"
    "rooms:\n"
    "  - name: hall\n"
    "    light: {kind: lamp, watts: 4.5, lumens: 7}\n"
    "    doors: [3, 4]\n"
    "    wall: [1, 2, 3]\n"
    "    order: [light, dark]\n"
    "    heated: true\n"
    "    tags: [a, b]\n"
    "  - {name: kitchen, light: {kind: window, panes: 2}, doors: 5, wall: dark, tags: c}\n"
    "  - {name: bath, light: {kind: lamp, type: small, lumens: 9}}\n";

TEST(YamlSchemaTest, HasTypesRangesDefaultsAndMeanings) {
  const Json schema = Json::parse(json_schema(house_schema(), "house"));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["required"], Json::parse(R"(["height", "garden", "rooms"])"));
  EXPECT_EQ(schema["properties"]["height"],
            Json::parse(R"({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 99},
                                      {"const": "auto"}], "description": "of the roof [m]"})"));
  EXPECT_EQ(schema["properties"]["floors"],
            Json::parse(R"({"type": "integer", "minimum": 1, "maximum": 9, "default": 2})"));
  const Json& room = schema["properties"]["rooms"]["items"];
  EXPECT_EQ(schema["properties"]["rooms"]["maxItems"], 3);
  EXPECT_EQ(room["required"], Json::parse(R"(["name", "light"])"));
  EXPECT_EQ(room["properties"]["wall"]["default"], "light");
  EXPECT_EQ(room["properties"]["doors"]["default"], Json::parse("[1]"));
  EXPECT_FALSE(room["properties"]["tags"].contains("default"));
  const Json& kinds = room["properties"]["light"]["allOf"];
  ASSERT_EQ(kinds.size(), 2U);
  EXPECT_EQ(kinds[0]["then"]["properties"]["watts"],
            Json::parse(R"({"type": "number", "exclusiveMinimum": 0, "maximum": 100,
                            "description": "power [W]"})"));
  EXPECT_EQ(kinds[0]["then"]["required"], Json::parse(R"(["kind"])"));
  EXPECT_EQ(kinds[1]["then"]["required"], Json::parse(R"(["kind", "panes"])"));
}

TEST(YamlSchemaTest, AgreesWithTheReader) {
  expect_schema_agrees(
      house_schema(), kHouse, /*seed=*/1, /*num_mutants=*/2000,
      [](const std::string& text, const std::string& name) { read_house(text, name); });
}

TEST(YamlSchemaTest, SequencesOfMappingsReadBackEqual) {
  const House house = read_house(kHouse, "h.yaml");
  ASSERT_EQ(house.rooms.size(), 3U);
  EXPECT_EQ(house.rooms[0].rgb, (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_EQ(house.rooms[1].doors, (std::vector<std::int64_t>{5}));
  EXPECT_EQ(house.rooms[2].doors, (std::vector<std::int64_t>{1}));
  EXPECT_EQ(std::get<Lamp>(house.rooms[2].light).watts, 3.0);
  House plain = house;
  for (Room& room : plain.rooms) room.tags = {"x", "\"y\""};
  const std::string text = written<YamlFieldWriter>(plain);
  EXPECT_EQ(written<YamlFieldWriter>(read_house(text, "h.yaml")), text);
}

TEST(YamlSchemaTest, WordInPlaceOfAFieldOrSectionReadsBackEqual) {
  const House automatic = read_house(kHouse, "h.yaml");
  EXPECT_TRUE(automatic.measures_height);
  EXPECT_FALSE(automatic.shares_garden);
  EXPECT_EQ(automatic.garden, 20);
  std::string text = kHouse;
  text.replace(text.find("auto"), 4, "7");
  text.replace(text.find("{area: 20}"), 10, "shared");
  House given = read_house(text, "h.yaml");
  EXPECT_EQ(given.height, 7);
  EXPECT_TRUE(given.shares_garden);
  for (Room& room : given.rooms) room.tags = {"x"};
  for (const std::string& output : {written<YamlFieldWriter>(given), written<YamlTemplate>(given)})
    EXPECT_EQ(written<YamlFieldWriter>(read_house(output, "h.yaml")),
              written<YamlFieldWriter>(given));
}

TEST(YamlSchemaTest, TheTableNamesVariantsAndDefaults) {
  const std::string table = schema_markdown(house_schema());
  EXPECT_THAT(table, HasSubstr("| `floors` | |  | 1..9 | `2` |"));
  EXPECT_THAT(table, HasSubstr("| `height` | | m | 1..99, `auto` | required | of the roof |"));
  EXPECT_THAT(table, HasSubstr("| `garden` | |  | mapping, `shared` | required |  |"));
  EXPECT_THAT(table, HasSubstr("| `rooms[].light.watts` | `lamp` | W |"));
  EXPECT_THAT(table, HasSubstr("| of the preset | power |"));
  EXPECT_THAT(table, HasSubstr("| `rooms[].light.panes` | `window` |"));
}

TEST(YamlTemplateTest, ReadsBackEqualAndFitsIn80Columns) {
  House house = read_house(kHouse, "h.yaml");
  for (Room& room : house.rooms) room.tags = {"x"};
  const std::string text = written<YamlTemplate>(house);
  EXPECT_EQ(written<YamlFieldWriter>(read_house(text, "h.yaml")), written<YamlFieldWriter>(house));
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    EXPECT_LE(end - begin, 80U);
    begin = end + 1;
  }
}

TEST(YamlTemplateTest, KeysOfAPresetAreCommentedOut) {
  House house;
  house.rooms = {Room{}};
  house.rooms[0].tags = {"x"};
  house.rooms[0].light = kLamps[1].second;
  const std::string text = written<YamlTemplate>(house);
  EXPECT_THAT(text, HasSubstr("\n      type: large\n"));
  EXPECT_THAT(text, HasSubstr("\n      #lumens: 3000\n"));
  house.rooms[0].light = Lamp{30.0, 3001};
  EXPECT_THAT(written<YamlTemplate>(house), HasSubstr("\n      lumens: 3001\n"));
}

}  // namespace
}  // namespace tilewake
