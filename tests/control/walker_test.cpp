// The described-struct walker: each fault names its field, and what is written reads back.

#include "control/api/json/walker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carillon::control::json {
namespace {

enum class Plus { kKeep, kAddSign };
BOOST_DESCRIBE_ENUM(Plus, kKeep, kAddSign)

struct Gateway {
  std::string address;
  int port = 5060;
  static Rules rules() {
    static const Rule rules[] = {{.field = "address", .about = "where", .required = true, .min = 1, .max = 8},
                                 {.field = "port", .about = "UDP port", .min = 1, .max = 65535}};
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(Gateway, (), (address, port))

struct Message {
  static constexpr const char* kType = "message";
  std::string prompt;
};
BOOST_DESCRIBE_STRUCT(Message, (), (prompt))
struct States {
  static constexpr const char* kType = "states";
  static constexpr bool kDefault = true;
  std::vector<int> states;
};
BOOST_DESCRIBE_STRUCT(States, (), (states))

struct Trunk {
  static constexpr const char* kSchema = "Trunk";
  std::string id;
  std::string name;
  std::vector<Gateway> gateways;
  std::string password;
  bool register_ = false;
  std::uint16_t channels = 10;
  double share = 0.5;
  Plus plus = Plus::kKeep;
  std::optional<std::string> note;
  std::map<std::string, std::string> headers;
  std::optional<WallTime> since;
  std::variant<Message, States> plan;
  static Rules rules() {
    static const Rule rules[] = {
        {.field = "id", .about = "", .read_only = true},
        {.field = "name", .about = "for people", .required = true, .max = 4},
        {.field = "gateways", .about = "in order", .max = 2},
        {.field = "password", .about = "", .write_only = true},
        {.field = "share", .about = "", .min = 0, .max = 1},
        {.field = "note",
         .about = "",
         .check = [](std::string_view text) { return text == "bad" ? std::string("is bad") : std::string(); }},
    };
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(Trunk, (),
                      (id, name, gateways, password, register_, channels, share, plus, note, headers, since, plan))

Faults faults_of(std::string_view text, Mode mode = Mode::kApi) {
  Faults faults;
  Trunk trunk;
  if (const auto value = parse(text, faults)) faults = read(*value, trunk, mode);
  return faults;
}

// "code pointer" of the only fault.
std::string fault_of(std::string_view text) {
  const auto faults = faults_of(text);
  return faults.size() == 1 ? faults[0].code + " " + faults[0].pointer : std::to_string(faults.size()) + " faults";
}

TEST(Walker, ReadsEveryKindOfMember) {
  Faults faults;
  const auto value = parse(R"({"name":"a","gateways":[{"address":"h"}],"register":true,"channels":3,"share":1,
    "plus":"add_sign","note":null,"headers":{"X-A":"1"},"since":"2026-01-02T03:04:05.6Z",
    "plan":{"type":"message","prompt":"p"},"password":"s"})",
                           faults);
  Trunk trunk;
  ASSERT_THAT(read(*value, trunk, Mode::kApi), testing::IsEmpty());
  EXPECT_EQ(trunk.gateways.at(0).port, 5060);
  EXPECT_TRUE(trunk.register_);
  EXPECT_EQ(trunk.channels, 3);
  EXPECT_EQ(trunk.plus, Plus::kAddSign);
  EXPECT_EQ(trunk.headers.at("X-A"), "1");
  EXPECT_EQ(rfc3339(*trunk.since), "2026-01-02T03:04:05.600Z");
  EXPECT_EQ(std::get<Message>(trunk.plan).prompt, "p");
}

TEST(Walker, NamesTheFieldOfEachFault) {
  EXPECT_EQ(fault_of(R"({})"), "required /name");
  EXPECT_EQ(fault_of(R"([])"), "type ");
  EXPECT_EQ(fault_of(R"({"name":5})"), "type /name");
  EXPECT_EQ(fault_of(R"({"name":"12345"})"), "length /name");
  EXPECT_EQ(fault_of(R"({"name":"a","nmae":"b"})"), "unknown_field /nmae");
  EXPECT_EQ(fault_of(R"({"name":"a","a/b~c":1})"), "unknown_field /a~1b~0c");
  EXPECT_EQ(fault_of(R"({"name":"a","id":"x"})"), "read_only /id");
  EXPECT_EQ(fault_of(R"({"name":"a","gateways":[{"address":"h"},{"address":"h","port":0}]})"),
            "range /gateways/1/port");
  EXPECT_EQ(fault_of(R"({"name":"a","gateways":[{"port":1}]})"), "required /gateways/0/address");
  EXPECT_EQ(fault_of(R"({"name":"a","gateways":{}})"), "type /gateways");
  EXPECT_EQ(fault_of(R"({"name":"a","gateways":[{"address":"a"},{"address":"b"},{"address":"c"}]})"),
            "length /gateways");
  EXPECT_EQ(fault_of(R"({"name":"a","channels":1.5})"), "type /channels");
  EXPECT_EQ(fault_of(R"({"name":"a","channels":70000})"), "range /channels");
  EXPECT_EQ(fault_of(R"({"name":"a","channels":-1})"), "range /channels");
  EXPECT_EQ(fault_of(R"({"name":"a","channels":1e300})"), "range /channels");
  EXPECT_EQ(fault_of(R"({"name":"a","share":1.01})"), "range /share");
  EXPECT_EQ(fault_of(R"({"name":"a","share":"1"})"), "type /share");
  EXPECT_EQ(fault_of(R"({"name":"a","plus":"kAddSign"})"), "choice /plus");
  EXPECT_EQ(fault_of(R"({"name":"a","register":1})"), "type /register");
  EXPECT_EQ(fault_of(R"({"name":"a","note":"bad"})"), "format /note");
  EXPECT_EQ(fault_of(R"({"name":"a","headers":{"X":1}})"), "type /headers/X");
  EXPECT_EQ(fault_of(R"({"name":"a","since":"2026-02-30T00:00:00Z"})"), "format /since");
  EXPECT_EQ(fault_of(R"({"name":"a","plan":{"type":"x"}})"), "choice /plan/type");
  EXPECT_EQ(fault_of(R"({"name":"a","plan":{"type":"message","states":[]}})"), "unknown_field /plan/states");
  EXPECT_EQ(fault_of(R"({"name":"a")"), "syntax ");
  EXPECT_EQ(fault_of(R"({"name":"a"} x)"), "syntax ");
  EXPECT_EQ(fault_of(std::string(40, '[') + std::string(40, ']')), "depth ");
}

TEST(Walker, TellsAllFaultsAtOnce) {
  EXPECT_EQ(faults_of(R"({"x":1,"channels":"a","share":2})").size(), 4u);  // name is missing too
}

TEST(Walker, VariantWithoutTypeTakesTheDefaultChoice) {
  Faults faults;
  Trunk trunk;
  ASSERT_THAT(read(*parse(R"({"name":"a","plan":{"states":[1,2]}})", faults), trunk, Mode::kApi), testing::IsEmpty());
  EXPECT_EQ(std::get<States>(trunk.plan).states.size(), 2u);
}

TEST(Walker, SecretsGoToTheStoreAndNotToAnswers) {
  Trunk trunk{
      .id = "t", .name = "a", .gateways = {}, .password = "secret", .note = {}, .headers = {}, .since = {}, .plan = {}};
  EXPECT_FALSE(write(trunk, Mode::kApi).as_object().contains("password"));
  const auto row = write(trunk, Mode::kStore);
  Trunk again;
  EXPECT_THAT(read(row, again, Mode::kStore), testing::IsEmpty());
  EXPECT_EQ(again.password, "secret");
  EXPECT_EQ(again.id, "t");
  EXPECT_EQ(write(again, Mode::kStore), row);
}

TEST(Walker, StoreModeForgivesFieldsOfANewerVersion) {
  EXPECT_THAT(faults_of(R"({"name":"a","later":1})", Mode::kStore), testing::IsEmpty());
}

TEST(Walker, SchemaSaysWhatTheReaderChecks) {
  boost::json::object components;
  EXPECT_EQ(text(schema<Trunk>(components)), R"({"$ref":"#/components/schemas/Trunk"})");
  const auto& trunk = components.at("Trunk").as_object();
  EXPECT_EQ(text(trunk.at("required")), R"(["name"])");
  const auto& properties = trunk.at("properties").as_object();
  EXPECT_EQ(properties.at("name").at("maxLength"), 4);
  EXPECT_EQ(properties.at("password").at("writeOnly"), true);
  EXPECT_EQ(text(properties.at("plus").at("enum")), R"(["keep","add_sign"])");
  EXPECT_EQ(properties.at("gateways").at("items").at("properties").at("port").at("maximum"), 65535);
  EXPECT_EQ(properties.at("plan").at("oneOf").as_array().size(), 2u);
  EXPECT_TRUE(properties.contains("register"));
}

TEST(Walker, MergePatchReplacesAndRemoves) {
  Faults faults;
  auto target = *parse(R"({"a":1,"b":{"c":2,"d":3}})", faults);
  merge_patch(target, *parse(R"({"a":null,"b":{"c":5},"e":[1]})", faults));
  EXPECT_EQ(text(target), text(*parse(R"({"b":{"c":5,"d":3},"e":[1]})", faults)));
}

}  // namespace
}  // namespace carillon::control::json
