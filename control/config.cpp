#include "control/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <set>
#include <sstream>

namespace carillon::control {
namespace {

// Reads the members of one table and remembers the first thing that is wrong.
class TableReader {
 public:
  TableReader(const toml::table* table, std::string name, std::string& fault)
      : table_(table), name_(std::move(name)), fault_(fault) {}

  template <class T>
  TableReader& read(const char* key, T& out) {
    known_.insert(key);
    const auto* node = table_ != nullptr ? table_->get(key) : nullptr;
    if (node == nullptr) return *this;
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      const auto value = node->value_exact<std::int64_t>();
      if (!value || *value < 0 || *value > std::numeric_limits<T>::max())
        wrong(key, "a whole number in range is needed");
      else
        out = static_cast<T>(*value);
    } else {
      const auto value = node->value_exact<T>();
      if (value)
        out = *value;
      else
        wrong(key, std::is_same_v<T, bool> ? "true or false is needed" : "a text is needed");
    }
    return *this;
  }

  void finish() {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_)
      if (!known_.contains(std::string(key.str()))) wrong(key.str(), "is not a setting");
  }

 private:
  void wrong(std::string_view key, std::string_view what) {
    if (fault_.empty()) fault_ = fmt::format("{}.{}: {}", name_, key, what);
  }
  const toml::table* table_;
  std::string name_;
  std::string& fault_;
  std::set<std::string> known_;
};

}  // namespace

std::string ControlConfig::fault() const {
  if (data_dir.empty()) return "control.data_dir: is required";
  if (auto wrong = http.fault(); !wrong.empty()) return wrong;
  if (auto wrong = rate_limit.fault(); !wrong.empty()) return wrong;
  if (engines.empty()) return "engines: at least one [[engines]] is needed";
  std::set<std::string> names;
  for (const auto& engine : engines) {
    if (engine.name.empty()) return "engines.name: is required";
    if (!names.insert(engine.name).second) return fmt::format("engines.name: {} is there twice", engine.name);
    EngineLinkConfig link;
    link.address = engine.link;
    link.tls = engine.tls;
    if (auto wrong = link.fault(); !wrong.empty()) return fmt::format("engines.{}: {}", engine.name, wrong);
  }
  return {};
}

Result<ControlConfig, std::string> parse_config(std::string_view text) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << error.source().begin;
    return fmt::format("{}: {}", where.str(), error.description());
  }
  ControlConfig config;
  std::string fault;
  for (const auto& [key, node] : root)
    if (key != "control" && key != "http" && key != "engines" && key != "webhooks")
      return fmt::format("{}: is not a section", key.str());
  TableReader(root["control"].as_table(), "control", fault)
      .read("data_dir", config.data_dir)
      .read("log_level", config.log_level)
      .finish();
  auto rate_window_s = static_cast<std::uint32_t>(config.rate_limit.window / 1s);
  TableReader(root["webhooks"].as_table(), "webhooks", fault)
      .read("allow_private", config.webhooks_allow_private)
      .read("ca", config.webhooks_ca)
      .finish();
  TableReader(root["http"].as_table(), "http", fault)
      .read("rate_limit", config.rate_limit.requests)
      .read("rate_window_s", rate_window_s)
      .read("address", config.http.address)
      .read("port", config.http.port)
      .read("certificate", config.http.certificate)
      .read("key", config.http.key)
      .read("insecure", config.http.insecure)
      .read("connections_max", config.http.connections_max)
      .read("workers", config.http.workers)
      .finish();
  config.rate_limit.window = std::chrono::seconds(rate_window_s);
  if (const auto* engines = root["engines"].as_array()) {
    for (const auto& node : *engines) {
      EngineConfig engine;
      TableReader(node.as_table(), "engines", fault)
          .read("name", engine.name)
          .read("link", engine.link)
          .read("certificate", engine.tls.certificate_file)
          .read("key", engine.tls.key_file)
          .read("ca", engine.tls.ca_file)
          .read("peer_name", engine.tls.peer_name)
          .finish();
      config.engines.push_back(std::move(engine));
    }
  }
  if (fault.empty()) fault = config.fault();
  if (!fault.empty()) return fault;
  return config;
}

}  // namespace carillon::control
