#pragma once
// What a project owns, as the API shows it and the store keeps it: described structs, their rules beside them.

#include <boost/describe.hpp>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/api/json/rules.h"
#include "control/model/checks.h"
#include "engine/base/time.h"

namespace carillon::control {

using json::Rule;
using json::Rules;

struct Project {
  static constexpr const char* kSchema = "Project";
  std::string id;
  std::string name;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Project, (), (id, name, created_at, updated_at))

/// What a token may do. Each includes those before it; admin reaches every project.
enum class Scope { kRead, kManage, kAdmin };
BOOST_DESCRIBE_ENUM(Scope, kRead, kManage, kAdmin)

struct Token {
  static constexpr const char* kSchema = "Token";
  std::string id;
  std::string name;
  Scope scope = Scope::kRead;
  std::vector<std::string> projects;  ///< ids; empty at creation: the caller's project
  std::optional<std::string> token;   ///< shown once, in the answer to its creation
  std::string digest;                 ///< SHA-256 of the secret, hex
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Token, (), (id, name, scope, projects, token, digest, created_at, updated_at))

enum class Plus { kKeep, kAdd, kRemove };
BOOST_DESCRIBE_ENUM(Plus, kKeep, kAdd, kRemove)

/// How a number is written for a trunk: strip leading digits, add a prefix, then see to the plus sign.
struct NumberRule {
  static constexpr const char* kSchema = "NumberRule";
  std::uint32_t strip = 0;
  std::string prefix;
  Plus plus = Plus::kKeep;
  static Rules rules();
  std::string apply(std::string_view number) const;
};
BOOST_DESCRIBE_STRUCT(NumberRule, (), (strip, prefix, plus))

struct Gateway {
  static constexpr const char* kSchema = "Gateway";
  std::string address;
  std::uint16_t port = 5060;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Gateway, (), (address, port))

struct TrunkLive {
  bool reachable = false, registered = false;
  std::uint32_t sip_status = 0;
  std::string reason;
  std::uint32_t channels = 0;
};
BOOST_DESCRIBE_STRUCT(TrunkLive, (), (reachable, registered, sip_status, reason, channels))

struct Trunk {
  static constexpr const char* kSchema = "Trunk";
  std::string id;
  std::string name;
  std::vector<Gateway> gateways;
  std::string username, password, domain;
  bool register_ = false;
  std::uint32_t register_expires_s = 300;
  NumberRule to_rule, from_rule;
  std::uint32_t calls_per_second_max = 0, channels_max = 0;
  std::uint32_t options_interval_s = 0;
  std::string local_address, advertised_address;
  bool behind_nat = false;
  std::vector<std::string> codecs;
  bool follow_redirects = false;
  std::optional<TrunkLive> state;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Trunk, (),
                      (id, name, gateways, username, password, domain, register_, register_expires_s, to_rule,
                       from_rule, calls_per_second_max, channels_max, options_interval_s, local_address,
                       advertised_address, behind_nat, codecs, follow_redirects, state, created_at, updated_at))

/// An agent's SIP phone that registers with us.
struct PhoneEndpoint {
  static constexpr const char* kSchema = "Endpoint";
  std::string id;
  std::string name;
  std::string username;
  std::string password;  ///< never kept: only the two digests are
  bool behind_nat = false;
  bool registered = false;
  std::optional<std::string> contact, user_agent;
  std::string ha1_md5, ha1_sha256;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(PhoneEndpoint, (),
                      (id, name, username, password, behind_nat, registered, contact, user_agent, ha1_md5, ha1_sha256,
                       created_at, updated_at))

enum class PromptStatus { kStored, kReady, kFailed };
BOOST_DESCRIBE_ENUM(PromptStatus, kStored, kReady, kFailed)

struct Prompt {
  static constexpr const char* kSchema = "Prompt";
  std::string id;
  std::string name;
  std::string sha256;
  std::uint64_t size = 0, duration_ms = 0;
  PromptStatus state = PromptStatus::kStored;
  std::optional<std::string> error;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Prompt, (), (id, name, sha256, size, duration_ms, state, error, created_at, updated_at))

struct PromptRoute {
  static constexpr const char* kType = "prompt";
  std::string prompt;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(PromptRoute, (), (prompt))
struct EndpointRoute {
  static constexpr const char* kType = "endpoint";
  std::string endpoint;
  std::uint32_t ring_time_s = 30;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(EndpointRoute, (), (endpoint, ring_time_s))

struct QueueRoute {
  static constexpr const char* kType = "queue";
  std::string queue;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(QueueRoute, (), (queue))

/// A number that calls come in by.
struct Number {
  static constexpr const char* kSchema = "Number";
  std::string id;
  std::string number;
  std::string trunk;
  std::variant<PromptRoute, EndpointRoute, QueueRoute> route;
  bool record = false;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Number, (), (id, number, trunk, route, record, created_at, updated_at))

}  // namespace carillon::control
