// Any bytes: the parser and the walker answer with faults or a struct that writes and reads back the same.

#include "control/api/json/walker.h"
#include "engine/base/check.h"

namespace {

namespace json = carillon::control::json;

struct Inner {
  int number = 0;
  std::optional<std::string> text;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (number, text))
struct Message {
  static constexpr const char* kType = "message";
  std::string prompt;
};
BOOST_DESCRIBE_STRUCT(Message, (), (prompt))
struct Other {
  static constexpr const char* kType = "other";
  static constexpr bool kDefault = true;
  std::vector<double> levels;
};
BOOST_DESCRIBE_STRUCT(Other, (), (levels))
struct Outer {
  std::string name;
  std::vector<Inner> inner;
  std::map<std::string, std::string> headers;
  std::variant<Message, Other> plan;
  std::optional<carillon::WallTime> since;
  std::uint64_t big = 0;
  bool flag = false;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (name, inner, headers, plan, since, big, flag))

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  json::Faults faults;
  const auto value = json::parse({reinterpret_cast<const char*>(data), size}, faults);
  CHECK(value.has_value() == faults.empty());
  if (!value) return 0;
  Outer outer;
  if (!json::read(*value, outer, json::Mode::kApi).empty()) return 0;
  const auto written = json::write(outer, json::Mode::kStore);
  Outer again;
  CHECK(json::read(written, again, json::Mode::kStore).empty());
  CHECK(json::write(again, json::Mode::kStore) == written);
  return 0;
}
