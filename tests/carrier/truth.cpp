#include "tests/carrier/truth.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

namespace carillon::carrier {
namespace {

constexpr std::size_t kAgentJudged = 8000 * 20;

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F)
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + '"';
}

std::string time_or_null(WallTime time) { return time == WallTime{} ? "null" : in_quotes(rfc3339(time)); }
std::int64_t milliseconds(Duration length) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(length).count();
}

std::string heard_json(const CallTruth& call, const Occurrence& occurrence) {
  const std::int64_t after_answer = occurrence.began / 8 - milliseconds(call.answer_offset);
  std::string after_greeting = "null", after_beep = "null";
  if (call.greeting_end > 0ns) after_greeting = fmt::format("{}", after_answer - milliseconds(call.greeting_end));
  if (call.beep_end > 0ns) after_beep = fmt::format("{}", after_answer - milliseconds(call.beep_end));
  return fmt::format(R"({{"name":{},"complete":{},"share":{:.3f},"first_second":{},"last_second":{},"gap_max_ms":{},)"
                     R"("began_ms_after_answer":{},"began_ms_after_greeting":{},"began_ms_after_beep":{}}})",
                     in_quotes(occurrence.name), occurrence.is_complete(), occurrence.share,
                     occurrence.has_first_second, occurrence.has_last_second, occurrence.gap_max_ms, after_answer,
                     after_greeting, after_beep);
}

std::string badges_json(const CallTruth& call) {
  std::string out;
  for (const auto& badge : call.badges_heard)
    out += fmt::format(R"({}{{"hz":{},"from":{},"until":{}}})", out.empty() ? "" : ",", badge.hz,
                       time_or_null(badge.from), time_or_null(badge.until));
  return out;
}

}  // namespace

std::string to_json(const CallTruth& call, const std::vector<Occurrence>& occurrences, Duration ringback) {
  std::string heard;
  for (const auto& occurrence : occurrences) heard += (heard.empty() ? "" : ",") + heard_json(call, occurrence);
  const auto or_null = [](Duration length) {
    return length > 0ns ? fmt::format("{}", milliseconds(length)) : std::string("null");
  };
  return fmt::format(
      R"({{"sip_call_id":{},"from":{},"to":{},"behaviour":{},"outgoing":{},)"
      R"("invite_at":{},"ringing_at":{},"answered_at":{},"ended_at":{},)"
      R"("sip_final":{},"acknowledged":{},"ended_by":{},"media_lost":{},"cancelled":{},"challenged":{},"held":{},)"
      R"("greeting_began_ms":{},"greeting_end_ms":{},"beep_end_ms":{},"heard":[{}],"heard_ms":{},"energy_share":{:.3f},)"
      R"("ringback_ms":{},"digits_sent":{},"digits_heard":{},"badge_hz":{},"badges_heard":[{}],)"
      R"("rtp":{{"in":{},"out":{},"expected":{},"lost":{},"late":{},"foreign":{},"streams":{},"gap_max_ms":{}}}}})",
      in_quotes(call.sip_call_id), in_quotes(call.from), in_quotes(call.to), in_quotes(call.behaviour),
      call.is_outgoing, time_or_null(call.invite_at), time_or_null(call.ringing_at), time_or_null(call.answered_at),
      time_or_null(call.ended_at), call.sip_final, call.acknowledged,
      call.ended_by.empty() ? "null" : in_quotes(call.ended_by), call.is_media_lost, call.is_cancelled,
      call.is_challenged, call.held, or_null(call.greeting_began), or_null(call.greeting_end), or_null(call.beep_end),
      heard, call.heard.size() / 8, call.energy_share, milliseconds(ringback), in_quotes(call.digits_sent),
      in_quotes(call.digits_heard), call.badge_hz > 0 ? fmt::format("{}", call.badge_hz) : "null", badges_json(call),
      call.rtp.in, call.rtp_out, call.rtp.expected, call.rtp.lost, call.rtp.late, call.rtp.foreign, call.rtp.streams,
      milliseconds(call.rtp.gap_max));
}

TruthWriter::TruthWriter(std::FILE* file, std::vector<Expectation> expected, std::filesystem::path keep_heard_in)
    : file_(file),
      expected_(std::move(expected)),
      keep_heard_in_(std::move(keep_heard_in)),
      thread_([this] { run(); }) {}

TruthWriter::~TruthWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void TruthWriter::add(CallTruth call) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(call));
  }
  changed_.notify_one();
}

void TruthWriter::run() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);  // speech, ours and the product's, comes first
  for (;;) {
    CallTruth call;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return is_closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      call = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Samples heard(call.heard.size());
    std::ranges::transform(call.heard, heard.begin(), from_ulaw);
    // an agent hears people for hours: whom is told by their badges
    const auto judged =
        std::span(heard).first(std::min(heard.size(), call.behaviour == "agent" ? kAgentJudged : heard.size()));
    const auto line = to_json(call, judge(judged, expected_), ringback_time(judged));
    std::fprintf(file_, "%s\n", line.c_str());
    std::fflush(file_);
    if (!keep_heard_in_.empty()) keep(call, heard);
  }
}

// A WAV file per call, for people who want to hear why the judge said so.
void TruthWriter::keep(const CallTruth& call, const Samples& heard) const {
  std::string name = call.to + "_" + call.sip_call_id;
  std::ranges::replace_if(
      name, [](unsigned char c) { return !std::isalnum(c) && c != '+' && c != '-'; }, '_');
  std::ofstream file(keep_heard_in_ / (name.substr(0, 80) + ".wav"), std::ios::binary);
  const auto put = [&](std::uint32_t value, int count) {
    for (int i = 0; i < count; ++i) file.put(static_cast<char>(value >> (8 * i)));
  };
  const auto bytes = static_cast<std::uint32_t>(heard.size() * 2);
  file << "RIFF";
  put(36 + bytes, 4);
  file << "WAVEfmt ";
  put(16, 4), put(1, 2), put(1, 2), put(8000, 4), put(16000, 4), put(2, 2), put(16, 2);
  file << "data";
  put(bytes, 4);
  for (const auto sample : heard) put(static_cast<std::uint16_t>(sample), 2);
}

}  // namespace carillon::carrier
