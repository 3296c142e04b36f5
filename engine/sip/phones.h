#pragma once
// The agents' phones: who they are, whether a request proves to be theirs, where they are reached.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "engine/sip/core.h"
#include "engine/sip/index.h"

namespace carillon::sip {

/// Where a phone is reached: one device of it.
struct Contact {
  bool is_bound = false;
  bool is_foreign = false;  ///< learned by another shard, which tells when it runs out
  FixedText<kContactBytesMax> uri;
  Endpoint destination;
  TimePoint expires{}, bound_at{};
  std::uint16_t q = 1000;  ///< thousandths
  FixedText<192> call_id;  ///< of the REGISTER that bound it here, with its CSeq (§10.3 step 7)
  std::uint32_t cseq = 0;

  Contact() {}
};

struct Phone {
  Handle self, timer;
  FixedText<48> id;
  FixedText<64> username;
  HexDigest ha1_md5, ha1_sha256;
  std::array<Contact, kContactsMax> contacts;
  FixedText<64> user_agent;
  FixedText<56> nonce;  ///< last nonce it used here, with its highest count
  std::uint32_t nonce_count = 0;

  Phone() {}
};

class Phones {
 public:
  explicit Phones(Core& core);

  bool put(const EndpointConfig& config);
  void remove(std::string_view id);
  Phone* find(std::string_view id);
  const Phone* find(std::string_view id) const { return const_cast<Phones*>(this)->find(id); }
  Phone* find(Handle handle) { return pool_.find(handle); }
  /// The phone that a registration placed exactly there.
  bool is_at(const Endpoint& source) const;

  enum class Verdict : std::uint8_t { kNone, kStale, kBad, kGood };
  struct Proof {
    Verdict verdict = Verdict::kNone;
    Phone* phone = nullptr;  ///< kGood only
  };
  /// Does the request carry a digest of one of our phones? The same work for known and unknown users.
  Proof prove(const Message& request, TimePoint now);
  /// 401 with MD5; where the configuration says so, with SHA-256 above it (RFC 8760 §2.4).
  void challenge(const Message& request, const Endpoint& from, bool is_stale, TimePoint now);

  /// The Contact with this URI, letter by letter; null: none.
  static Contact* contact(Phone& phone, std::string_view uri);
  static bool is_bound(const Phone& phone);
  /// Those that stand, the one to call first in front: by q, then the newest.
  static std::size_t in_order(const Phone& phone, TimePoint now, std::span<const Contact*, kContactsMax> out);
  /// Adds or refreshes; full: in place of the oldest.
  Contact& bind(Phone& phone, const BindingNews& news, TimePoint now);
  void unbind(Phone& phone, Contact& contact);
  void unbind_all(Phone& phone);
  /// The next Contact that was learned here, going round; nothing: none left in this round, which ends with it.
  std::optional<BindingNews> next_own(std::uint32_t& cursor, TimePoint now);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Names = std::unordered_map<std::string, Handle, TextHash, std::equal_to<>>;

  void arm(Phone& phone);
  std::uint32_t entry(const Phone& phone, const Contact& contact) const {
    return phone.self.index * static_cast<std::uint32_t>(kContactsMax) +
           static_cast<std::uint32_t>(&contact - phone.contacts.data());
  }

  Core& core_;
  Pool<Phone> pool_;
  Names by_id_, by_username_;
  Index by_destination_;
};

}  // namespace carillon::sip
