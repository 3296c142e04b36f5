// Ours against libsrtp2: every profile, both directions, byte for byte.

#include <gtest/gtest.h>
#include <srtp2/srtp.h>

#include <algorithm>

#include "tests/engine/rtp/srtp_packets.h"

namespace carillon::rtp {
namespace {

using Role = SrtpContext::Role;

/// libsrtp2, for one master key and one direction.
class Oracle {
 public:
  Oracle(const Keying& keying, Role role, bool with_mki = false) {
    static const bool started = srtp_init() == srtp_err_status_ok;
    EXPECT_TRUE(started);
    key_.insert(key_.end(), keying.key.begin(), keying.key.end());
    key_.insert(key_.end(), keying.salt.begin(), keying.salt.end());
    srtp_policy_t policy{};
    constexpr srtp_profile_t kProfiles[] = {srtp_profile_aes128_cm_sha1_80, srtp_profile_aes128_cm_sha1_32,
                                            srtp_profile_aead_aes_128_gcm, srtp_profile_aead_aes_256_gcm};
    const auto profile = kProfiles[static_cast<std::size_t>(keying.profile)];
    EXPECT_EQ(srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile), srtp_err_status_ok);
    EXPECT_EQ(srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile), srtp_err_status_ok);
    if (!keying.encrypts_rtcp) policy.rtcp.sec_serv = sec_serv_auth;
    policy.ssrc.type = role == Role::kSender ? ssrc_any_outbound : ssrc_any_inbound;
    policy.key = reinterpret_cast<unsigned char*>(key_.data());
    policy.window_size = SrtpWindow::kWidth;
    unsigned char mki[4] = {1, 2, 3, 4};
    srtp_master_key_t master{.key = policy.key, .mki_id = mki, .mki_size = 4};
    srtp_master_key_t* masters[] = {&master};
    if (with_mki) {
      policy.key = nullptr;  // else it wins
      policy.keys = masters;
      policy.num_master_keys = 1;
    }
    EXPECT_EQ(srtp_create(&session_, &policy), srtp_err_status_ok);
  }
  ~Oracle() { srtp_dealloc(session_); }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  srtp_err_status_t protect(Bytes& wire) { return run(wire, srtp_protect); }
  srtp_err_status_t unprotect(Bytes& wire) { return run(wire, srtp_unprotect); }
  srtp_err_status_t protect_rtcp(Bytes& wire) { return run(wire, srtp_protect_rtcp); }
  srtp_err_status_t unprotect_rtcp(Bytes& wire) { return run(wire, srtp_unprotect_rtcp); }
  srtp_err_status_t protect_with_mki(Bytes& wire) {
    return run(wire,
               [](srtp_t session, void* packet, int* size) { return srtp_protect_mki(session, packet, size, 1, 0); });
  }
  srtp_err_status_t set_roc(std::uint32_t ssrc, std::uint32_t roc) { return srtp_set_stream_roc(session_, ssrc, roc); }

 private:
  template <class Call>
  srtp_err_status_t run(Bytes& wire, Call call) {
    int size = static_cast<int>(wire.size());
    wire.resize(wire.size() + SRTP_MAX_TRAILER_LEN + 4);
    const auto status = call(session_, wire.data(), &size);
    wire.resize(static_cast<std::size_t>(size));
    return status;
  }

  Bytes key_;
  srtp_t session_ = nullptr;
};

struct Case {
  SrtpProfile profile;
  SrtpCrypto::Isa isa;
};

std::vector<Case> cases() {
  using Isa = SrtpCrypto::Isa;
  std::vector<Case> result;
  for (const auto profile : kSrtpProfiles)
    for (const auto isa : {Isa::kBest, Isa::kSse, Isa::kAvx, Isa::kAvx2, Isa::kAvx512})
      if (SrtpCrypto::has(isa)) result.push_back({profile, isa});
  return result;
}

struct SrtpOracle : testing::TestWithParam<Case> {
  SrtpBatch batch{GetParam().isa};
  Random random{20};
  Keying keying{GetParam().profile, random};
  SrtpContext sender = keying.context(batch.crypto(), Role::kSender);
  SrtpContext receiver = keying.context(batch.crypto(), Role::kReceiver);
  Oracle their_sender{keying, Role::kSender}, their_receiver{keying, Role::kReceiver};
};

std::string case_name(const testing::TestParamInfo<Case>& info) {
  constexpr const char* kIsas[] = {"Best", "Sse", "Avx", "Avx2", "Avx512"};
  return std::string(name_of(info.param.profile)) + kIsas[static_cast<std::size_t>(info.param.isa)];
}
INSTANTIATE_TEST_SUITE_P(Profiles, SrtpOracle, testing::ValuesIn(cases()), case_name);

// Numbers of three wraps, in places swapped, doubled, lost.
std::vector<std::uint16_t> line_of(Random& random) {
  std::vector<std::uint16_t> line;
  std::uint32_t at = 30'000;
  for (int i = 0; i < 1500; ++i) {
    const bool near_wrap = (at & 0xFFFF) > 65'400 || (at & 0xFFFF) < 150;
    at += near_wrap ? 1 + static_cast<std::uint32_t>(random.below(3) == 0)
                    : 1 + static_cast<std::uint32_t>(random.below(700));
    line.push_back(static_cast<std::uint16_t>(at));
  }
  for (std::size_t i = 40; i < line.size(); ++i)
    if (random.below(3) == 0) std::swap(line[i], line[i - random.below(4)]);
  for (std::size_t i = 40; i < line.size(); i += 17) line[i] = line[i - random.below(20)];
  return line;
}

// What we send libsrtp2 sends too, to the byte, and takes.
TEST_P(SrtpOracle, TakesWhatWeSend) {
  int sent = 0;
  for (const std::uint16_t sequence : line_of(random)) {
    const Bytes plain = random_rtp(random, 0xCAFE, sequence);
    Bytes ours = plain, theirs = plain;
    const auto status = their_sender.protect(theirs);
    const auto result = protect(batch, sender, ours);
    if (status == srtp_err_status_replay_fail) {
      ASSERT_EQ(result, SrtpResult::kReplay) << sequence;
      continue;
    }
    if (status == srtp_err_status_replay_old) {
      ASSERT_EQ(result, SrtpResult::kTooOld) << sequence;
      continue;
    }
    ASSERT_EQ(status, srtp_err_status_ok) << sequence;
    ASSERT_EQ(result, SrtpResult::kOk) << sequence;
    ASSERT_EQ(ours, theirs) << sequence;
    ASSERT_EQ(their_receiver.unprotect(ours), srtp_err_status_ok) << sequence;
    ASSERT_EQ(ours, plain);
    ++sent;
  }
  EXPECT_GT(sent, 900);
}

// Their packets, with losses and doubles on the way, in bursts: we take what libsrtp2's receiver takes.
TEST_P(SrtpOracle, SendsWhatWeTake) {
  struct Packet {
    Bytes plain, wire;
    srtp_err_status_t status;
  };
  std::vector<Packet> packets;
  auto line = line_of(random);
  std::vector<Packet> ordered;
  for (const std::uint16_t sequence : line) {
    Packet packet{.plain = random_rtp(random, 0xBEEF, sequence), .wire = {}, .status = {}};
    packet.wire = packet.plain;
    if (their_sender.protect(packet.wire) != srtp_err_status_ok) continue;
    ordered.push_back(packet);
    if (random.below(20) == 0)
      ordered.push_back(ordered[ordered.size() - 1 - random.below(std::min<std::size_t>(ordered.size(), 40))]);
  }
  for (std::size_t i = 1; i < ordered.size(); ++i)
    if (random.below(4) == 0) std::swap(ordered[i], ordered[i - 1]);
  for (auto& packet : ordered) {
    Bytes copy = packet.wire;
    packet.status = their_receiver.unprotect(copy);
  }
  int taken = 0, refused = 0;
  for (std::size_t at = 0; at < ordered.size();) {
    const std::size_t count = std::min<std::size_t>(1 + random.below(150), ordered.size() - at);
    std::vector<SrtpJob> jobs;
    for (std::size_t i = at; i < at + count; ++i)
      jobs.push_back({.context = &receiver, .buffer = ordered[i].wire, .size = ordered[i].wire.size()});
    batch.unprotect(jobs);
    for (std::size_t i = 0; i < count; ++i) {
      const auto& packet = ordered[at + i];
      ASSERT_EQ(jobs[i].result == SrtpResult::kOk, packet.status == srtp_err_status_ok) << at + i;
      if (packet.status == srtp_err_status_replay_fail) {
        ASSERT_EQ(jobs[i].result, SrtpResult::kReplay);
      }
      ++(packet.status == srtp_err_status_ok ? taken : refused);
      if (packet.status != srtp_err_status_ok) continue;
      ASSERT_EQ(Bytes(packet.wire.begin(), packet.wire.begin() + static_cast<std::ptrdiff_t>(jobs[i].size)),
                packet.plain);
    }
    at += count;
  }
  EXPECT_GT(taken, 900);
  EXPECT_GT(refused, 20);
}

TEST_P(SrtpOracle, AgreesOnReports) {
  ASSERT_TRUE(sender.resume_rtcp(0xCAFE, 0)) << "libsrtp2's first index is 1";
  for (int i = 0; i < 200; ++i) {
    const Bytes plain = random_rtcp(random, 0xCAFE);
    Bytes ours = plain, theirs = plain;
    ASSERT_EQ(protect_rtcp(batch, sender, ours), SrtpResult::kOk);
    ASSERT_EQ(their_sender.protect_rtcp(theirs), srtp_err_status_ok);
    ASSERT_EQ(ours, theirs);
    ASSERT_EQ(their_receiver.unprotect_rtcp(ours), srtp_err_status_ok);
    ASSERT_EQ(ours, plain);
    ASSERT_EQ(unprotect_rtcp(batch, receiver, theirs), SrtpResult::kOk);
    ASSERT_EQ(theirs, plain);
  }
}

TEST_P(SrtpOracle, AgreesOnReportsThatAreNotEncrypted) {
  keying.encrypts_rtcp = false;
  SrtpContext open_sender = keying.context(batch.crypto(), Role::kSender);
  SrtpContext open_receiver = keying.context(batch.crypto(), Role::kReceiver);
  Oracle their_open_sender(keying, Role::kSender), their_open_receiver(keying, Role::kReceiver);
  ASSERT_TRUE(open_sender.resume_rtcp(0xCAFE, 0));
  for (int i = 0; i < 50; ++i) {
    const Bytes plain = random_rtcp(random, 0xCAFE);
    Bytes ours = plain, theirs = plain;
    ASSERT_EQ(protect_rtcp(batch, open_sender, ours), SrtpResult::kOk);
    ASSERT_EQ(their_open_sender.protect_rtcp(theirs), srtp_err_status_ok);
    ASSERT_EQ(ours, theirs);
    Bytes refused = theirs;
    ASSERT_EQ(unprotect_rtcp(batch, receiver, refused), SrtpResult::kClear) << "where it was not agreed";
    ASSERT_EQ(their_open_receiver.unprotect_rtcp(ours), srtp_err_status_ok);
    ASSERT_EQ(ours, plain);
    ASSERT_EQ(unprotect_rtcp(batch, open_receiver, theirs), SrtpResult::kOk);
    ASSERT_EQ(theirs, plain);
  }
}

// Several SSRCs under one key, and a counter that has long been rolling.
TEST_P(SrtpOracle, AgreesOnSourcesThatShareAKey) {
  for (std::uint16_t i = 0; i < 200; ++i) {
    for (std::uint32_t ssrc = 1; ssrc <= 5; ++ssrc) {
      Bytes plain = random_rtp(random, ssrc, static_cast<std::uint16_t>(1000 * ssrc + i));
      Bytes ours = plain, theirs = plain;
      ASSERT_EQ(protect(batch, sender, ours), SrtpResult::kOk);
      ASSERT_EQ(their_sender.protect(theirs), srtp_err_status_ok);
      ASSERT_EQ(ours, theirs);
      ASSERT_EQ(unprotect(batch, receiver, theirs), SrtpResult::kOk);
      ASSERT_EQ(theirs, plain);
    }
  }
}

TEST_P(SrtpOracle, AgreesFarIntoTheRollover) {
  constexpr std::uint32_t kRoc = 0x8001'2345;
  Bytes first = random_rtp(random, 0xCAFE, 9), ours_first = first;
  ASSERT_EQ(their_sender.protect(first), srtp_err_status_ok);  // makes the stream known to libsrtp2
  ASSERT_EQ(their_sender.set_roc(0xCAFE, kRoc), srtp_err_status_ok);
  ASSERT_TRUE(sender.resume(0xCAFE, std::uint64_t{kRoc} << 16 | 9));
  ASSERT_TRUE(receiver.resume(0xCAFE, std::uint64_t{kRoc} << 16 | 9));
  for (std::uint32_t sequence = 10; sequence < 200'000;
       sequence += 1 + static_cast<std::uint32_t>(random.below(5000))) {
    const Bytes plain = random_rtp(random, 0xCAFE, static_cast<std::uint16_t>(sequence));
    Bytes ours = plain, theirs = plain;
    ASSERT_EQ(protect(batch, sender, ours), SrtpResult::kOk);
    ASSERT_EQ(their_sender.protect(theirs), srtp_err_status_ok);
    ASSERT_EQ(ours, theirs) << sequence;
    ASSERT_EQ(unprotect(batch, receiver, theirs), SrtpResult::kOk);
    ASSERT_EQ(theirs, plain);
  }
}

// An MKI that we did not agree to is not skipped.
TEST_P(SrtpOracle, RefusesPacketsWithAnMki) {
  Oracle with_mki(keying, Role::kSender, true);
  Bytes wire = random_rtp(random, 0xCAFE, 10);
  ASSERT_EQ(with_mki.protect_with_mki(wire), srtp_err_status_ok);
  EXPECT_EQ(unprotect(batch, receiver, wire), SrtpResult::kAuth);
}

}  // namespace
}  // namespace carillon::rtp
