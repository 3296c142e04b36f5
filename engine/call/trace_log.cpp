#include "engine/call/trace_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/sip/steer.h"

namespace carillon::call {
namespace {

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t mixed = 0xCBF29CE484222325u;  // FNV-1a, 64 bits
  for (const char c : text) mixed = (mixed ^ static_cast<std::uint8_t>(c)) * 0x100000001B3u;
  return mixed;
}

std::string_view line_of(std::string_view text) {
  const auto line = text.substr(0, text.find('\n'));
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

bool starts_like(std::string_view text, std::string_view name) {
  return text.size() >= name.size() && std::ranges::equal(text.substr(0, name.size()), name, [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
         });
}

std::string_view header(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at)) {
    const auto line = line_of(text.substr(++at));
    if (line.empty()) return {};  // the body
    if (!starts_like(line, name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    const auto value = line.substr(name.size() + 1);
    return value.substr(std::min(value.find_first_not_of(' '), value.size()));
  }
  return {};
}

// A peer's bytes end up on an engineer's terminal: printable ASCII only.
template <std::size_t kMax>
void put_clean(FixedText<kMax>& into, std::string_view text) {
  char clean[kMax];
  const std::size_t size = std::min(text.size(), kMax);
  for (std::size_t i = 0; i < size; ++i) clean[i] = text[i] >= ' ' && text[i] < 127 ? text[i] : '?';
  into.assign({clean, size});
}

constexpr const char* kPhases[] = {"trying", "ringing", "early media", "answered", "ended", "incoming"};
constexpr const char* kEnders[] = {"nobody", "the peer", "control", "the plan", "the engine"};

}  // namespace

TraceLog::TraceLog(std::size_t messages_max, std::size_t legs_max)
    : messages_(messages_max), stories_(legs_max), index_(legs_max) {}

void TraceLog::message(bool is_in, const Endpoint& peer, ByteView data, WallTime at) {
  const auto call_id = sip::call_id_of(data);
  if (call_id.empty()) return;
  const auto text = text_of(data);
  Message& kept = messages_[messages_count_++ % messages_.size()];
  kept.dialog = hash_of(call_id);
  kept.at = at;
  kept.peer = peer;
  kept.is_in = is_in;
  put_clean(kept.line, line_of(text));
  put_clean(kept.sequence, text.starts_with("SIP/") ? header(text, "CSeq") : std::string_view{});
  auto why = header(text, "Reason");
  if (why.empty()) why = header(text, "Warning");
  put_clean(kept.why, why);
}

const TraceLog::Story* TraceLog::find(LegId leg) const {
  const Handle at = leg ? index_.find(leg) : Handle{};
  return at ? &stories_[at.index] : nullptr;
}

TraceLog::Story* TraceLog::story(LegId leg) { return const_cast<Story*>(find(leg)); }

void TraceLog::bind(LegId leg, std::string_view call_id, std::string_view trunk) {
  Story* story = this->story(leg);
  if (!story) {
    const auto at = static_cast<std::uint32_t>(stories_count_++ % stories_.size());
    story = &stories_[at];
    if (story->leg) index_.remove(story->leg);  // the oldest gives way
    *story = {};
    story->leg = leg;
    index_.add(leg, {at, 1});
  }
  story->trunk.assign(trunk);
  const std::uint64_t dialog = hash_of(call_id);
  const auto known = std::span(story->dialogs).first(story->dialogs_count);
  if (std::ranges::find(known, dialog) != known.end()) return;
  if (story->dialogs_count < kDialogsMax) story->dialogs[story->dialogs_count++] = dialog;
}

void TraceLog::note(LegId leg, const LegState& state) {
  Story* story = this->story(leg);
  if (!story) return;
  story->phase = state.phase;
  story->ended_by = state.ended_by;
  story->status = state.sip_status;
  story->cause = state.cause;
  story->reason = state.reason;
  put_clean(story->from, state.from);
  put_clean(story->to, state.to);
  story->verdict = state.verdict;
  story->mark = state.last_mark;
}

bool TraceLog::write(LegId leg, std::string& text) const {
  const Story* story = find(leg);
  if (!story) return false;
  const std::size_t room = text.capacity();
  const auto put = [&](const std::string& line) {
    if (text.size() + line.size() <= room) text += line;
  };

  std::string end = fmt::format("state: {}", kPhases[static_cast<int>(story->phase)]);
  if (story->phase == LegPhase::kEnded)
    end += fmt::format(" by {}, SIP {}, cause {}: {}", kEnders[static_cast<int>(story->ended_by)], story->status,
                       story->cause, story->reason.view());
  if (!story->verdict.empty()) end += fmt::format("; heard: {}", story->verdict.view());
  if (!story->mark.empty()) end += fmt::format("; last mark: {}", story->mark.view());
  put(fmt::format("leg {} from {} to {} trunk {}\n{}\n", leg.value, story->from.view(), story->to.view(),
                  story->trunk.empty() ? "-" : story->trunk.view(), end));

  const auto dialogs = std::span(story->dialogs).first(story->dialogs_count);
  const std::uint64_t kept = std::min<std::uint64_t>(messages_count_, messages_.size());
  WallTime first{};
  for (std::uint64_t back = kept; back > 0; --back) {
    const Message& message = messages_[(messages_count_ - back) % messages_.size()];
    if (std::ranges::find(dialogs, message.dialog) == dialogs.end()) continue;
    const bool is_first = first == WallTime{};
    if (is_first) first = message.at;
    const std::string time =
        is_first ? rfc3339(message.at).substr(11, 12) : fmt::format("+{} ms", (message.at - first).count());
    put(fmt::format("{:>12}  {} {}  {}{}{}\n", time, message.is_in ? "◄──" : "──►", message.peer.text(),
                    message.line.view(), message.sequence.empty() ? "" : fmt::format("  ({})", message.sequence.view()),
                    message.why.empty() ? "" : fmt::format("  [{}]", message.why.view())));
  }
  return true;
}

}  // namespace carillon::call
