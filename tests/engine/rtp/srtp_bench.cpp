// What SRTP costs per packet at 2,000 channels: packets of 172 bytes, a context for each, in bursts of 64, in turn, so
// that no context is warm when its turn comes. Beside it, interleaved in the same run:
//   floor     intel-ipsec-mb alone over the same keys and bytes: no header read, no index, no replay window, no
//   fetching libsrtp2  one session per channel
//
//   srtp_bench [--json FILE] [--channels N] [--runs N]
//
// Medians of the runs; "spread" is between the first and third quarter. Rows srtp.gcm and srtp.cm are the means of
// protecting and unprotecting a packet; their floor is the same for both ways.

#include <intel-ipsec-mb.h>
#include <srtp2/srtp.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/check.h"
#include "tests/engine/rtp/srtp_packets.h"

namespace carillon::rtp {
namespace {

constexpr std::size_t kPacket = kHeaderSize + 160, kSlot = 256;
using Role = SrtpContext::Role;

/// Processor time of this thread: others' work on a shared machine does not count.
double now_ns() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

struct Figure {
  double median = 0, low = 0, high = 0;
};
Figure figure_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  return {.median = at(0.5), .low = at(0.25), .high = at(0.75)};
}

struct alignas(64) Slot {
  std::array<std::byte, kSlot> bytes{};
};

/// Channels of one profile: contexts of both ends, libsrtp2's sessions, packets.
class Channels {
 public:
  Channels(SrtpProfile profile, std::size_t count) : profile_(profile), slots_(count), floor_keys_(count) {
    Random random(1);
    jobs_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const Keying keying(profile, random);
      SrtpSession session;
      derive(batch_.crypto(), keying.master(), session);
      senders_.push_back(std::make_unique<SrtpContext>(batch_.crypto(), session, Role::kSender));
      receivers_.push_back(std::make_unique<SrtpContext>(batch_.crypto(), session, Role::kReceiver));
      batch_.crypto().expand(profile, ByteView(session.rtp.key).first(sizes_of(profile).key), session.rtp.auth,
                             floor_keys_[i]);
      add_theirs(keying);
    }
  }
  ~Channels() {
    for (auto* list : {&their_senders_, &their_receivers_})
      for (auto* session : *list) srtp_dealloc(session);
  }
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  struct Round {
    double protect, unprotect;
  };

  /// One packet of each channel, there and back. ns per packet.
  Round ours(std::size_t burst) {
    fill();
    Round round{};
    for (std::size_t i = 0; i < slots_.size(); ++i)
      jobs_[i] = {.context = senders_[i].get(), .buffer = slots_[i].bytes, .size = kPacket};
    round.protect =
        timed(burst, [&](std::size_t at, std::size_t count) { batch_.protect(std::span(jobs_).subspan(at, count)); });
    for (auto& job : jobs_) CHECK(job.result == SrtpResult::kOk);
    for (std::size_t i = 0; i < slots_.size(); ++i) jobs_[i].context = receivers_[i].get();
    round.unprotect =
        timed(burst, [&](std::size_t at, std::size_t count) { batch_.unprotect(std::span(jobs_).subspan(at, count)); });
    for (auto& job : jobs_) CHECK(job.result == SrtpResult::kOk && job.size == kPacket);
    return round;
  }

  Round theirs() {
    fill();
    Round round{};
    std::vector<int> sizes(slots_.size(), kPacket);
    round.protect = timed(1, [&](std::size_t at, std::size_t) {
      CHECK(srtp_protect(their_senders_[at], slots_[at].bytes.data(), &sizes[at]) == srtp_err_status_ok);
    });
    round.unprotect = timed(1, [&](std::size_t at, std::size_t) {
      CHECK(srtp_unprotect(their_receivers_[at], slots_[at].bytes.data(), &sizes[at]) == srtp_err_status_ok);
    });
    return round;
  }

  /// The library alone: enciphers and authenticates every packet.
  double floor(std::size_t burst) {
    return timed(burst, [&](std::size_t at, std::size_t count) {
      if (is_gcm(profile_))
        floor_gcm(at, count);
      else
        floor_cm(at, count);
    });
  }

  /// A report of 60 bytes of each channel, there and back.
  double reports() {
    fill();
    for (std::size_t i = 0; i < slots_.size(); ++i)
      jobs_[i] = {.context = senders_[i].get(), .buffer = slots_[i].bytes, .size = 60};
    const double protect =
        timed(64, [&](std::size_t at, std::size_t count) { batch_.protect_rtcp(std::span(jobs_).subspan(at, count)); });
    for (std::size_t i = 0; i < slots_.size(); ++i) jobs_[i].context = receivers_[i].get();
    const double unprotect = timed(
        64, [&](std::size_t at, std::size_t count) { batch_.unprotect_rtcp(std::span(jobs_).subspan(at, count)); });
    for (auto& job : jobs_) CHECK(job.result == SrtpResult::kOk && job.size == 60);
    return (protect + unprotect) / 2;
  }

  /// Keys of a call: derived and expanded, for one direction.
  double set_ups() {
    Random random(2);
    const Keying keying(profile_, random);
    return timed(1, [&](std::size_t, std::size_t) { (void)keying.context(batch_.crypto(), Role::kSender); });
  }

 private:
  void add_theirs(const Keying& keying) {
    Bytes key = keying.key;
    key.insert(key.end(), keying.salt.begin(), keying.salt.end());
    srtp_policy_t policy{};
    const auto profile = is_gcm(profile_) ? srtp_profile_aead_aes_128_gcm : srtp_profile_aes128_cm_sha1_80;
    srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
    srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
    policy.key = reinterpret_cast<unsigned char*>(key.data());
    policy.window_size = SrtpWindow::kWidth;
    for (const auto type : {ssrc_any_outbound, ssrc_any_inbound}) {
      policy.ssrc.type = type;
      srtp_t session = nullptr;
      CHECK(srtp_create(&session, &policy) == srtp_err_status_ok);
      (type == ssrc_any_outbound ? their_senders_ : their_receivers_).push_back(session);
    }
  }

  // The time stands where a report has its SSRC; it stays the same.
  void fill() {
    ++sequence_;
    for (std::size_t i = 0; i < slots_.size(); ++i)
      write_header(std::span(slots_[i].bytes).first<kHeaderSize>(), {.marker = false,
                                                                     .payload_type = 0,
                                                                     .sequence = sequence_,
                                                                     .time = {static_cast<std::uint32_t>(i)},
                                                                     .ssrc = static_cast<std::uint32_t>(i),
                                                                     .payload = {}});
  }

  template <class Work>
  double timed(std::size_t burst, Work work) {
    const double start = now_ns();
    for (std::size_t at = 0; at < slots_.size(); at += burst) work(at, std::min(burst, slots_.size() - at));
    return (now_ns() - start) / static_cast<double>(slots_.size());
  }

  std::uint8_t* raw(std::size_t i) { return reinterpret_cast<std::uint8_t*>(slots_[i].bytes.data()); }

  void floor_gcm(std::size_t at, std::size_t count) {
    IMB_MGR* manager = batch_.crypto().manager();
    gcm_context_data state;
    for (std::size_t i = at; i < at + count; ++i)
      IMB_AES128_GCM_ENC(manager, reinterpret_cast<gcm_key_data*>(floor_keys_[i].gcm.data()), &state,
                         raw(i) + kHeaderSize, raw(i) + kHeaderSize, kPacket - kHeaderSize, iv_, raw(i), kHeaderSize,
                         raw(i) + kPacket, 16);
  }

  void floor_cm(std::size_t at, std::size_t count) {
    IMB_MGR* manager = batch_.crypto().manager();
    for (std::size_t i = 0; i < count; ++i) {
      auto& cipher = ciphers_[i];
      cipher.cipher_mode = IMB_CIPHER_CNTR;
      cipher.cipher_direction = IMB_DIR_ENCRYPT;
      cipher.key_len_in_bytes = cipher.iv_len_in_bytes = 16;
      cipher.enc_keys = floor_keys_[at + i].cm.rounds.data();
      cipher.src = cipher.dst = raw(at + i) + kHeaderSize;
      cipher.msg_len_to_cipher_in_bytes = kPacket - kHeaderSize;
      cipher.iv = iv_;
      auto& hash = hashes_[i];
      hash.hash_alg = IMB_AUTH_HMAC_SHA_1;
      hash.auth_tag_output_len_in_bytes = 20;
      hash.src = raw(at + i);
      hash.msg_len_to_hash_in_bytes = kPacket + 4;
      hash.u.HMAC._hashed_auth_key_xor_ipad = floor_keys_[at + i].cm.inner.data();
      hash.u.HMAC._hashed_auth_key_xor_opad = floor_keys_[at + i].cm.outer.data();
      hash.auth_tag_output = digests_[i];
    }
    const auto jobs = static_cast<std::uint32_t>(count);
    CHECK(IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager, ciphers_, jobs, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
                                          IMB_KEY_128_BYTES) == jobs);
    CHECK(IMB_SUBMIT_HASH_BURST_NOCHECK(manager, hashes_, jobs, IMB_AUTH_HMAC_SHA_1) == jobs);
  }

  SrtpProfile profile_;
  SrtpBatch batch_;
  std::vector<Slot> slots_;
  std::vector<SrtpKeys> floor_keys_;
  std::vector<SrtpJob> jobs_;
  std::vector<std::unique_ptr<SrtpContext>> senders_, receivers_;
  std::vector<srtp_t> their_senders_, their_receivers_;
  std::uint16_t sequence_ = 0;
  std::uint8_t iv_[16] = {};
  IMB_JOB ciphers_[64] = {}, hashes_[64] = {};
  std::uint8_t digests_[64][20] = {};
};

struct Row {
  std::string name;
  double value, floor;
};

void line(const char* what, const Figure& figure) {
  std::printf("  %-34s %8.1f ns   %.1f … %.1f\n", what, figure.median, figure.low, figure.high);
}

Row measure(const char* name, SrtpProfile profile, std::size_t channel_count, int runs) {
  Channels channels(profile, channel_count);
  std::vector<double> protect, unprotect, both, floor, their_protect, their_unprotect, reports, set_ups;
  std::vector<double> by_burst[4];
  constexpr std::size_t kBursts[] = {1, 8, 16, 32};
  (void)channels.ours(64);  // pages exist
  (void)channels.floor(64);
  for (int run = 0; run < runs; ++run) {
    (void)channels.floor(64);  // so that a floor it is: its keys lie as near as they can
    floor.push_back(channels.floor(64));
    const auto ours = channels.ours(64);
    protect.push_back(ours.protect);
    unprotect.push_back(ours.unprotect);
    both.push_back((ours.protect + ours.unprotect) / 2);
    for (int i = 0; i < 4; ++i) {
      const auto smaller = channels.ours(kBursts[i]);
      by_burst[i].push_back((smaller.protect + smaller.unprotect) / 2);
    }
  }
  for (int run = 0; run < runs; ++run) {
    reports.push_back(channels.reports());
    set_ups.push_back(channels.set_ups());
  }
  for (int run = 0; run < std::min(runs, 5); ++run) {  // afterwards: it would sweep the caches between our rounds
    const auto theirs = channels.theirs();
    their_protect.push_back(theirs.protect);
    their_unprotect.push_back(theirs.unprotect);
  }
  const Row row{.name = std::string("srtp.") + name + ".ns_per_packet",
                .value = figure_of(both).median,
                .floor = figure_of(floor).median};
  std::printf("%s, %zu channels, %d runs: median, middle half\n", name_of(profile), channel_count, runs);
  line("floor: ipsec-mb alone, bursts of 64", figure_of(floor));
  line("protect, bursts of 64", figure_of(protect));
  line("unprotect, bursts of 64", figure_of(unprotect));
  for (int i = 0; i < 4; ++i)
    line(("mean of both, bursts of " + std::to_string(kBursts[i])).c_str(), figure_of(by_burst[i]));
  line("SRTCP, mean of both", figure_of(reports));
  line("a context made: derived, expanded", figure_of(set_ups));
  line("libsrtp2 protect", figure_of(their_protect));
  line("libsrtp2 unprotect", figure_of(their_unprotect));
  std::printf("  %s: %.1f ns, %.2f of the floor\n\n", row.name.c_str(), row.value, row.value / row.floor);
  return row;
}

int run(int argc, char** argv) {
  std::string json;
  std::size_t channels = 2000;
  int runs = 51;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--json")
      json = argv[i + 1];
    else if (option == "--channels")
      channels = std::strtoul(argv[i + 1], nullptr, 10);
    else if (option == "--runs")
      runs = std::atoi(argv[i + 1]);
    else
      channels = 0;
  }
  if (argc % 2 == 0 || channels == 0 || runs <= 0 || runs > 10'000) {
    std::fprintf(stderr, "srtp_bench [--json FILE] [--channels N] [--runs N]\n");
    return 2;
  }
  CHECK(srtp_init() == srtp_err_status_ok);
  const Row rows[] = {measure("gcm", SrtpProfile::kAesGcm128, channels, runs),
                      measure("cm", SrtpProfile::kAesCm128Sha1_80, channels, runs)};
  if (json.empty()) return 0;
  std::ofstream out(json);
  const char* before = "[";
  for (const auto& row : rows) {
    out << before << R"({"name": ")" << row.name << R"(", "value": )" << row.value << R"(, "unit": "ns", "floor": )"
        << row.floor << R"(, "ratio": )" << row.value / row.floor << R"(, "runs": )" << runs << "}";
    before = ",\n ";
  }
  out << "]\n";
  return out.good() ? 0 : 1;
}

}  // namespace
}  // namespace carillon::rtp

int main(int argc, char** argv) { return carillon::rtp::run(argc, argv); }
