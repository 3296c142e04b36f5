// What calls leave behind: CDRs, recordings, events.

#include <charconv>

#include "control/api/documents.h"
#include "control/api/files.h"
#include "control/crm/csv_cell.h"
#include "control/live/event_text.h"

namespace carillon::control {
namespace {

constexpr auto kCdrSchema = [](boost::json::object& components) { return json::schema<Cdr>(components); };
constexpr auto kRecordingSchema = [](boost::json::object& components) { return json::schema<Recording>(components); };

std::optional<std::int64_t> sequence_of(const std::string& text) {
  std::int64_t value = 0;
  if (text.empty()) return value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string csv_cell(const boost::json::value& value) {
  if (value.is_null()) return {};
  return value.is_string() ? carillon::control::csv_cell(std::string_view(value.as_string())) : json::text(value);
}

std::string csv_of(const boost::json::array& rows) {
  std::string text;
  const auto line = [&](const boost::json::object& row, bool names) {
    for (const auto& member : row) {
      text += names ? std::string(member.key()) : csv_cell(member.value());
      text += ',';
    }
    text.back() = '\r';
    text += '\n';
  };
  line(json::write(Cdr{}, json::Mode::kApi).as_object(), true);
  for (const auto& row : rows) line(row.as_object(), false);
  return text;
}

// A feed: oldest first; next_cursor is always there, so that a reader comes back with it for what is new.
Reply list_cdrs(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  const auto after = sequence_of(paging->cursor);
  if (!after) return Problem{.code = "invalid_cursor"};
  const auto format = context.parameter("format");
  if (!format.empty() && format != "json" && format != "jsonl" && format != "csv")
    return invalid({{"/format", "choice", "must be json, jsonl or csv"}});
  boost::json::array data;
  std::int64_t last = *after;
  for (const CdrRow& row : plane.store.cdrs(context.who.project, *after, paging->limit)) {
    json::Faults faults;
    if (auto body = json::parse(row.body, faults)) data.push_back(std::move(*body));
    last = row.sequence;
  }
  const std::string next = std::to_string(last);
  if (format.empty() || format == "json") return page_response(std::move(data), next);
  Response response;
  response.set("Carillon-Next-Cursor", next);
  response.set("Content-Type", format == "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson");
  if (format == "csv") response.body = csv_of(data);
  for (const auto& row : data)
    if (format == "jsonl") response.body += json::text(row) + "\n";
  return response;
}

std::optional<Recording> recording_of(const std::optional<RecordingRow>& row) {
  json::Faults faults;
  const auto body = row ? json::parse(row->body, faults) : std::nullopt;
  Recording recording;
  if (!body || !json::read(*body, recording, json::Mode::kStore).empty()) return std::nullopt;
  return recording;
}

Reply list_recordings(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  const auto rows = plane.store.recordings(context.who.project, paging->cursor, paging->limit + 1);
  boost::json::array data;
  for (std::size_t i = 0; i < std::min(rows.size(), paging->limit); ++i)
    if (const auto recording = recording_of(rows[i])) data.push_back(json::write(*recording, json::Mode::kApi));
  std::optional<std::string> next;
  if (rows.size() > paging->limit) next = rows[paging->limit - 1].id;
  return page_response(std::move(data), next);
}

Reply get_recording(Plane& plane, Context& context) {
  const auto recording = recording_of(plane.store.recording(context.who.project, context.id()));
  if (!recording) return not_found("recording");
  return json_response(200, json::write(*recording, json::Mode::kApi));
}

Reply recording_audio(Plane& plane, Context& context) {
  const auto recording = recording_of(plane.store.recording(context.who.project, context.id()));
  if (!recording) return not_found("recording");
  if (recording->state != RecordingStatus::kReady)
    return Problem{.code = "not_found", .detail = "the recording is " + json::enum_text(recording->state)};
  return file_response(context.request, plane.live.recording_file(recording->id), "audio/wav", recording->sha256);
}

// Server-sent events (WHATWG HTML §9.2) of one project, read from the store: resumable, bounded, no queue per reader.
class ProjectEvents : public EventStream {
 public:
  ProjectEvents(Plane& plane, std::string project, std::int64_t after)
      : plane_(plane), project_(std::move(project)), last_(after) {}
  ~ProjectEvents() override {
    if (subscription_ != 0) plane_.hub.unsubscribe(subscription_);
  }
  void on_ready(std::function<void()> wake) override { subscription_ = plane_.hub.subscribe(std::move(wake)); }
  std::string next() override {
    std::string text;
    for (const EventRow& event : plane_.store.events(project_, last_, 100)) {
      last_ = event.sequence;
      text += fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.sequence, event.type, event_text(event));
    }
    for (const Figure& figure : plane_.hub.figures(project_, figure_))
      text +=
          fmt::format("event: {0}\ndata: {{\"time\":\"{1}\",\"project\":\"{2}\",\"type\":\"{0}\",\"data\":{3}}}\n\n",
                      figure.type, rfc3339(plane_.clock()), figure.project, figure.data);
    return text;
  }

 private:
  Plane& plane_;
  std::string project_;
  std::int64_t last_;
  std::uint64_t figure_ = 0;
  std::uint64_t subscription_ = 0;
};

Reply follow_events(Plane& plane, Context& context) {
  std::string from(context.request.header("Last-Event-ID"));
  if (from.empty()) from = context.parameter("last_event_id");
  const auto after = sequence_of(from);
  if (!after) return Problem{.code = "invalid_cursor"};
  Response response;
  response.set("Content-Type", "text/event-stream");
  response.stream =
      std::make_shared<ProjectEvents>(plane, context.who.project, from.empty() ? plane.store.last_event() : *after);
  return response;
}

}  // namespace

std::vector<Operation> cdr_operations(Plane& plane) {
  return {
      {.method = "GET",
       .path = "/v1/cdrs",
       .id = "listCdrs",
       .summary = "Call detail records, oldest first. next_cursor is always given: come back with it for what is new.",
       .produces = "application/json",
       .parameters = paging_parameters({{"format",
                                         "json, jsonl or csv; for the last two the cursor is in the header "
                                         "Carillon-Next-Cursor."}}),
       .gives = page_schema(kCdrSchema),
       .problems = {"invalid", "invalid_cursor"},
       .run = [&plane](Context& context) { return list_cdrs(plane, context); }}};
}

std::vector<Operation> recording_operations(Plane& plane) {
  return {
      {.method = "GET",
       .path = "/v1/recordings",
       .id = "listRecordings",
       .summary = "Lists recordings, newest first.",
       .parameters = paging_parameters(),
       .gives = page_schema(kRecordingSchema),
       .shows = "recording",
       .run = [&plane](Context& context) { return list_recordings(plane, context); }},
      {.method = "GET",
       .path = "/v1/recordings/{id}",
       .id = "getRecording",
       .summary = "Shows a recording.",
       .gives = kRecordingSchema,
       .problems = {"not_found"},
       .shows = "recording",
       .run = [&plane](Context& context) { return get_recording(plane, context); }},
      {.method = "GET",
       .path = "/v1/recordings/{id}/audio",
       .id = "getRecordingAudio",
       .summary = "The WAV file, caller left and other side right; Range is understood.",
       .produces = "audio/wav",
       .problems = {"not_found", "range_not_satisfiable"},
       .run = [&plane](Context& context) { return recording_audio(plane, context); }},
  };
}

std::vector<Operation> event_operations(Plane& plane) {
  return {{.method = "GET",
           .path = "/v1/events",
           .id = "followEvents",
           .summary = "Server-sent events of the project, from now or after Last-Event-ID.",
           .produces = "text/event-stream",
           .parameters = {{"last_event_id", "Instead of the header Last-Event-ID; 0: from the oldest kept."}},
           .problems = {"invalid_cursor"},
           .run = [&plane](Context& context) { return follow_events(plane, context); }}};
}

}  // namespace carillon::control
