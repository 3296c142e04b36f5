#include "engine/config.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <limits>

#include "engine/base/endpoint.h"
#include "engine/base/prefixed.h"

namespace carillon {
namespace {

/// Takes known keys out of one table; what is left over is a mistake of the operator.
class Section {
 public:
  Section(toml::table& root, std::string name, std::string& error) : name_(std::move(name)), error_(error) {
    if (toml::node* node = root.get(name_)) {
      table_ = node->as_table();
      if (!table_) fail(name_, "must be a section");
    }
  }
  ~Section() {
    if (!table_) return;
    for (auto&& [key, value] : *table_) fail(name_ + "." + std::string(key.str()), "unknown key");
  }

  void take(const char* key, std::string& into) {
    if (toml::node* node = find(key)) {
      if (const auto value = node->value_exact<std::string>())
        into = *value;
      else
        fail(name_ + "." + key, "must be text in quotes");
      table_->erase(key);
    }
  }
  void take(const char* key, bool& into) {
    if (toml::node* node = find(key)) {
      if (const auto value = node->value_exact<bool>())
        into = *value;
      else
        fail(name_ + "." + key, "must be true or false");
      table_->erase(key);
    }
  }
  void take(const char* key, std::vector<std::string>& into) {
    toml::node* node = find(key);
    if (!node) return;
    const toml::array* list = node->as_array();
    if (!list) fail(name_ + "." + key, "must be a list of texts");
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      if (const auto value = list->get(i)->value_exact<std::string>())
        into.push_back(*value);
      else
        fail(name_ + "." + key, "must be a list of texts");
    }
    table_->erase(key);
  }
  void take(const char* key, std::vector<std::uint32_t>& into) {
    toml::node* node = find(key);
    if (!node) return;
    const toml::array* list = node->as_array();
    if (!list) fail(name_ + "." + key, "must be a list of whole numbers");
    for (std::size_t i = 0; list && i < list->size(); ++i) {
      const auto value = list->get(i)->value_exact<std::int64_t>();
      if (value && *value >= 0 && *value <= std::numeric_limits<std::uint32_t>::max())
        into.push_back(static_cast<std::uint32_t>(*value));
      else
        fail(name_ + "." + key, "must be a list of whole numbers");
    }
    table_->erase(key);
  }
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) void take(const char* key, T& into) {
    if (toml::node* node = find(key)) {
      const auto value = node->value_exact<std::int64_t>();
      constexpr std::int64_t kMost = std::numeric_limits<T>::max();
      if (value && *value >= 0 && *value <= kMost)
        into = static_cast<T>(*value);
      else
        fail(name_ + "." + key, fmt::format("must be a whole number between 0 and {}", kMost));
      table_->erase(key);
    }
  }

 private:
  toml::node* find(const char* key) { return table_ ? table_->get(key) : nullptr; }
  void fail(const std::string& where, const std::string& why) {
    if (error_.empty()) error_ = where + ": " + why;
  }

  std::string name_;
  std::string& error_;
  toml::table* table_ = nullptr;
};

void read(toml::table& root, EngineConfig& config, std::string& error) {
  {
    Section section(root, "engine", error);
    section.take("name", config.engine.name);
    section.take("shards", config.engine.shards);
    section.take("data_dir", config.engine.data_dir);
    section.take("calls_max", config.engine.calls_max);
    section.take("calls_promised", config.engine.calls_promised);
    section.take("pin", config.engine.pin);
    section.take("cores", config.engine.cores);
  }
  {
    Section section(root, "sip", error);
    section.take("address", config.sip.address);
    section.take("port", config.sip.port);
    section.take("advertised", config.sip.advertised);
    section.take("realm", config.sip.realm);
    section.take("offers_sha256", config.sip.offers_sha256);
  }
  {
    Section section(root, "rtp", error);
    section.take("address", config.rtp.address);
    section.take("advertised", config.rtp.advertised);
    section.take("addresses", config.rtp.addresses);
    section.take("port_min", config.rtp.port_min);
    section.take("port_max", config.rtp.port_max);
  }
  {
    Section section(root, "io", error);
    section.take("back_end", config.io.back_end);
  }
  {
    Section section(root, "dpdk", error);
    section.take("eal", config.dpdk.eal);
    section.take("port", config.dpdk.port);
    section.take("addresses", config.dpdk.addresses);
    section.take("gateway", config.dpdk.gateway);
    section.take("gateway_v6", config.dpdk.gateway_v6);
    section.take("vlan", config.dpdk.vlan);
    section.take("mbufs", config.dpdk.mbufs);
    section.take("tap", config.dpdk.tap);
  }
  {
    Section section(root, "link", error);
    section.take("listen", config.link.listen);
    section.take("certificate", config.link.certificate);
    section.take("key", config.link.key);
    section.take("ca", config.link.ca);
  }
  {
    Section section(root, "record", error);
    section.take("blocks", config.record.blocks);
    section.take("sync", config.record.sync);
  }
  for (auto&& [key, value] : root) {
    static constexpr std::string_view kKnown[] = {"engine", "sip", "rtp", "io", "dpdk", "link", "record"};
    if (error.empty() && std::ranges::find(kKnown, key.str()) == std::end(kKnown))
      error = std::string(key.str()) + ": unknown section";
  }
}

bool is_address(const std::string& text) { return Endpoint::parse(text, 0).has_value(); }

bool is_ours(const EngineConfig::Dpdk& dpdk, const std::string& address) {
  const auto wanted = Endpoint::parse(address, 0);
  return std::ranges::any_of(dpdk.addresses, [&](const std::string& text) {
    const auto ours = Prefixed::parse(text);
    return ours && wanted && ours->address.same_address(*wanted);
  });
}

constexpr std::uint32_t kCoresMax = 1024;  // of a cpu_set_t

std::string cores_fault(const EngineConfig::Engine& engine) {
  if (engine.cores.empty()) return {};
  if (engine.cores.size() != engine.shards)
    return fmt::format("engine.cores: {} named for {} shards: each needs one", engine.cores.size(), engine.shards);
  for (auto at = engine.cores.begin(); at != engine.cores.end(); ++at) {
    if (*at >= kCoresMax) return fmt::format("engine.cores: {}: must be below {}", *at, kCoresMax);
    if (std::find(engine.cores.begin(), at, *at) != at)
      return fmt::format("engine.cores: {} is named twice: two shards would share it", *at);
  }
  return {};
}

std::string dpdk_fault(const EngineConfig& config) {
  const EngineConfig::Dpdk& dpdk = config.dpdk;
  if (config.io.back_end != "dpdk")
    return dpdk.eal.empty() ? "" : "dpdk.eal: without effect unless io.back_end is dpdk";
  if (dpdk.eal.empty()) return "dpdk.eal: needed: at least the device (-a PCI address, or --vdev=…)";
  if (dpdk.addresses.empty()) return "dpdk.addresses: needed: the device has no addresses of its own";
  for (const std::string& text : dpdk.addresses)
    if (!Prefixed::parse(text)) return "dpdk.addresses: must be like 192.0.2.10/24: " + text;
  if (!dpdk.gateway.empty() && !is_address(dpdk.gateway)) return "dpdk.gateway: not an IP address";
  if (!dpdk.gateway_v6.empty() && !is_address(dpdk.gateway_v6)) return "dpdk.gateway_v6: not an IP address";
  if (dpdk.vlan > 4094) return "dpdk.vlan: must be 0 to 4094";
  if (!is_ours(dpdk, config.sip.address)) return "sip.address: not among dpdk.addresses";
  if (!config.rtp.address.empty() && !is_ours(dpdk, config.rtp.address)) return "rtp.address: not among dpdk.addresses";
  for (const std::string& address : config.rtp.addresses)
    if (!is_ours(dpdk, address)) return "rtp.addresses: not among dpdk.addresses: " + address;
  if (dpdk.tap.size() > 15) return "dpdk.tap: 15 bytes at most";
  if (!dpdk.tap.empty() && dpdk.vlan != 0) return "dpdk.tap: not beside dpdk.vlan: the kernel would see tagged frames";
  return {};
}

}  // namespace

Result<EngineConfig, std::string> parse_config(const std::string& text) {
  EngineConfig config;
  std::string error;
  try {
    toml::table root = toml::parse(text);
    read(root, config, error);
  } catch (const toml::parse_error& fault) {
    return fmt::format("line {}: {}", fault.source().begin.line, fault.description());
  }
  if (error.empty()) error = config.fault();
  if (!error.empty()) return error;
  return config;
}

std::string EngineConfig::fault() const {
  if (engine.name.empty()) return "engine.name: empty";
  if (engine.shards < 1 || engine.shards > 64) return "engine.shards: must be 1 to 64";
  if (engine.data_dir.empty()) return "engine.data_dir: empty";
  if (engine.calls_max < 1 || engine.calls_max > 100'000) return "engine.calls_max: must be 1 to 100000";
  if (engine.calls_promised > engine.calls_max)
    return "engine.calls_promised: above engine.calls_max, for which the pools are made";
  if (const std::string fault = cores_fault(engine); !fault.empty()) return fault;
  if (!is_address(sip.address)) return "sip.address: not an IP address";
  if (!sip.advertised.empty() && !is_address(sip.advertised)) return "sip.advertised: not an IP address";
  const bool is_any = Endpoint::parse(sip.address, 0)->is_unspecified();
  if (is_any && sip.advertised.empty()) return "sip.advertised: needed when sip.address is every address";
  if (sip.port == 0 && engine.shards > 1) return "sip.port: must be given when there are several shards";
  if (!rtp.address.empty() && !is_address(rtp.address)) return "rtp.address: not an IP address";
  if (!rtp.advertised.empty() && !is_address(rtp.advertised)) return "rtp.advertised: not an IP address";
  if (rtp.port_min < 1024) return "rtp.port_min: must be 1024 or more";
  if (rtp.port_max <= rtp.port_min) return "rtp.port_max: must be above port_min";
  for (const std::string& address : rtp.addresses)
    if (!is_address(address)) return "rtp.addresses: not an IP address: " + address;
  if (!rtp.addresses.empty() && !rtp.advertised.empty()) return "rtp.advertised: one address cannot stand for several";
  if ((rtp.port_max - rtp.port_min + 1u) / 2 * (1 + rtp.addresses.size()) < engine.calls_max)
    return "rtp.port_max: too few ports: two are needed for each of engine.calls_max (rtp.addresses adds more)";
  if (io.back_end != "auto" && io.back_end != "uring" && io.back_end != "mmsg" && io.back_end != "dpdk")
    return "io.back_end: must be auto, uring, mmsg or dpdk";
  if (const std::string fault = dpdk_fault(*this); !fault.empty()) return fault;
  if (!link.listen.empty() && !link.listen.starts_with("unix:") && !link.listen.starts_with("tcp:"))
    return "link.listen: must begin with unix: or tcp:";
  if (link.listen.starts_with("tcp:") && (link.certificate.empty() || link.key.empty() || link.ca.empty()))
    return "link.certificate: a TCP link needs certificate, key and ca";
  if (record.blocks < 4 * engine.shards) return "record.blocks: must be at least 4 for each shard";
  return {};
}

}  // namespace carillon
