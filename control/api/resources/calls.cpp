// Calls: one placed on request, and what is known of all of them.

#include "control/api/documents.h"

namespace carillon::control {
namespace {

constexpr auto kCallSchema = [](boost::json::object& components) { return json::schema<Call>(components); };

// What single fields cannot tell; fills `placement`.
class Intake {
 public:
  Intake(Plane& plane, Context& context, CallRequest request)
      : plane_(plane), context_(context), request_(std::move(request)) {}

  Result<Placement, Problem> read() {
    choose_route();
    check_numbers();
    check_headers();
    compile_plan();
    if (!emergency_.empty()) return Problem{.code = "emergency_number", .detail = emergency_};
    if (is_blocked_) return Problem{.code = "do_not_call"};
    if (!faults_.empty()) return invalid(std::move(faults_));
    fill_call();
    return std::move(placement_);
  }

 private:
  void fault(std::string pointer, std::string code, std::string detail) {
    faults_.push_back({std::move(pointer), std::move(code), std::move(detail)});
  }

  void choose_route() {
    const int ways = request_.trunk.has_value() + !request_.trunks.empty() + request_.endpoint.has_value();
    if (ways != 1) return fault("", "choice", "needs exactly one of trunk, trunks, endpoint");
    if (request_.trunk) request_.trunks = {*request_.trunk};
    for (std::size_t i = 0; i < request_.trunks.size(); ++i) {
      const auto trunk = read_body<Trunk>(plane_.store.find(Kind::kTrunks, context_.who.project, request_.trunks[i]));
      const auto pointer = request_.trunk ? std::string("/trunk") : "/trunks/" + std::to_string(i);
      if (!trunk)
        fault(pointer, "unknown", "no trunk of that id");
      else if (is_emergency(trunk->to_rule.apply(request_.to)))
        emergency_ = "trunk " + trunk->name + " would rewrite the number to an emergency number";
      else if (is_blocked(plane_, context_.who.project, trunk->to_rule.apply(request_.to)))
        is_blocked_ = true;
    }
    placement_.trunks = request_.trunks;
    if (!request_.endpoint) return;
    const auto phone =
        read_body<PhoneEndpoint>(plane_.store.find(Kind::kEndpoints, context_.who.project, *request_.endpoint));
    if (!phone) return fault("/endpoint", "unknown", "no endpoint of that id");
    if (request_.to.empty()) request_.to = phone->username;
  }

  void check_numbers() {
    if (is_emergency(request_.to)) emergency_ = "the number reaches an emergency service";
    if (!request_.endpoint && is_blocked(plane_, context_.who.project, request_.to)) is_blocked_ = true;
    const auto wrong = request_.endpoint ? check_caller(request_.to) : check_dialable(request_.to);
    if (!wrong.empty()) fault("/to", request_.to.empty() ? "required" : "format", wrong);
    if (request_.from.empty() && !request_.endpoint) return fault("/from", "required", "is required");
    if (request_.from.empty()) request_.from = "carillon";
    if (const auto from = check_caller(request_.from); !from.empty()) fault("/from", "format", from);
  }

  void check_headers() {
    for (const auto& [name, value] : request_.headers) {
      const bool ours = name.starts_with("X-") || name.starts_with("x-");
      if (!ours || name.size() > 64 || !check_username(name).empty())
        fault("/headers/" + name, "format", "names must begin with X- and hold letters, digits and -");
      if (const auto wrong = check_header_value(value); !wrong.empty()) fault("/headers/" + name, "format", wrong);
    }
  }

  void compile_plan() {
    const PromptNames prompts = [this](const std::string& id) {
      const auto prompt = read_body<Prompt>(plane_.store.find(Kind::kPrompts, context_.who.project, id));
      return prompt && prompt->state != PromptStatus::kFailed ? prompt->sha256 : std::string();
    };
    placement_.plan = compile(request_.plan, request_.detect, request_.record, prompts, faults_);
    if (const auto* phone = std::get_if<EndpointPlan>(&request_.plan)) {
      if (!plane_.store.find(Kind::kEndpoints, context_.who.project, phone->endpoint))
        fault("/plan/endpoint", "unknown", "no endpoint of that id");
      placement_.call.connect = EndpointRoute{phone->endpoint, phone->ring_time_s};
      placement_.call.has_harbour = phone->safe_harbour.has_value();
    }
  }

  void fill_call() {
    Call& call = placement_.call;
    call.id = plane_.ids.make("call", context_.now);
    call.project = context_.who.project;
    call.from = request_.from;
    call.to = request_.to;
    if (!request_.trunks.empty()) call.trunk = request_.trunks.front();
    call.endpoint = request_.endpoint;
    call.created_at = context_.now;
    call.record = request_.record;
    placement_.headers = request_.headers;
    placement_.from_name = request_.from_name;
    placement_.ring_time_s = request_.ring_time_s;
    placement_.idempotency = context_.idempotency;
  }

  Plane& plane_;
  Context& context_;
  CallRequest request_;
  Placement placement_;
  json::Faults faults_;
  std::string emergency_;
  bool is_blocked_ = false;
};

Reply create(Plane& plane, Context& context) {
  CallRequest request;
  auto faults = json::read(context.json, request, json::Mode::kApi);
  if (!faults.empty()) return invalid(std::move(faults));
  auto placement = Intake(plane, context, std::move(request)).read();
  if (!placement) return placement.error();
  const auto call = plane.live.place(std::move(*placement));
  if (!call && call.error() == LiveFault::kConflict) return Problem{.code = "idempotency_in_flight"};
  if (!call) return Problem{.code = "engine_unavailable"};
  context.idempotency_kept = true;
  auto response = json_response(201, json::write(*call, json::Mode::kApi));
  response.set("Location", "/v1/calls/" + call->id);
  return response;
}

std::optional<Call> find_call(Plane& plane, const Context& context) {
  const auto row = plane.store.call(context.who.project, context.id());
  json::Faults faults;
  const auto body = row ? json::parse(row->body, faults) : std::nullopt;
  Call call;
  if (!body || !json::read(*body, call, json::Mode::kStore).empty()) return std::nullopt;
  return call;
}

Reply list(Plane& plane, Context& context) {
  const auto paging = paging_of(context);
  if (!paging) return paging.error();
  CallFilter filter{.project = context.who.project,
                    .state = context.parameter("state"),
                    .from = context.parameter("from"),
                    .to = context.parameter("to"),
                    .before = paging->cursor,
                    .limit = paging->limit + 1};
  if (!filter.state.empty() && !json::enum_of<CallStatus>(filter.state))
    return invalid({{"/state", "choice", "must be dialing, ringing, answered or ended"}});
  if (const auto since = context.parameter("since"); !since.empty()) {
    const auto time = json::parse_time(since);
    if (!time) return invalid({{"/since", "format", "must be a time like 2026-01-02T03:04:05.678Z"}});
    filter.since_ms = time->time_since_epoch().count();
  }
  const auto rows = plane.store.calls(filter);
  boost::json::array data;
  for (std::size_t i = 0; i < std::min(rows.size(), paging->limit); ++i) {
    json::Faults faults;
    Call call;
    const auto body = json::parse(rows[i].body, faults);
    if (body && json::read(*body, call, json::Mode::kStore).empty())
      data.push_back(json::write(call, json::Mode::kApi));
  }
  std::optional<std::string> next;
  if (rows.size() > paging->limit) next = rows[paging->limit - 1].id;
  return page_response(std::move(data), next);
}

Reply get(Plane& plane, Context& context) {
  const auto call = find_call(plane, context);
  if (!call) return not_found("call");
  return json_response(200, json::write(*call, json::Mode::kApi));
}

Reply trace(Plane& plane, Context& context) {
  const auto call = find_call(plane, context);
  if (!call) return not_found("call");
  Response response{.body = plane.live.trace(*call)};
  if (response.body.empty())
    return Problem{.code = "not_found", .detail = "neither the engine nor the store has its trace"};
  response.set("Content-Type", "text/plain; charset=utf-8");
  return response;
}

// ------------------------------------------------------------------ actions

struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

struct PlayAction {
  std::vector<std::string> prompts;
  std::uint32_t loops = 1;
  static Rules rules() {
    static const Rule rules[] = {{.field = "prompts", .about = "Ids, in order.", .required = true, .min = 1, .max = 16},
                                 {.field = "loops", .about = "0: for ever.", .max = 1000}};
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(PlayAction, (), (prompts, loops))

struct DigitsAction {
  std::string digits;
  std::uint32_t duration_ms = 100;
  static Rules rules() {
    static const Rule rules[] = {{.field = "digits", .about = "0-9 * #", .required = true, .check = check_digits},
                                 {.field = "duration_ms", .about = "Of each.", .min = 40, .max = 2000}};
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(DigitsAction, (), (digits, duration_ms))

struct BridgeAction {
  std::string call;
  static Rules rules() {
    static const Rule rules[] = {{.field = "call", .about = "Id of the other call.", .required = true}};
    return rules;
  }
};
BOOST_DESCRIBE_STRUCT(BridgeAction, (), (call))

// Reads the body, lets `fill` write the command, sends it: 202.
template <class Body, class Fill>
Operation action(Plane& plane, const char* name, const char* id, const char* summary, bool needs_answer, Fill fill) {
  return {.method = "POST",
          .path = std::string("/v1/calls/{id}/actions/") + name,
          .id = id,
          .summary = summary,
          .scope = Scope::kManage,
          .consumes = "application/json",
          .success = 202,
          .takes = [](boost::json::object& components) { return json::schema<Body>(components); },
          .gives = kCallSchema,
          .problems = {"not_found", "call_state", "engine_unavailable", "invalid"},
          .run = [&plane, needs_answer, fill](Context& context) -> Reply {
            const auto call = find_call(plane, context);
            if (!call) return not_found("call");
            Body body;
            auto faults = json::read(context.json, body, json::Mode::kApi);
            wire::ToEngine command;
            if (faults.empty()) fill(context, *call, body, command, faults);
            if (!faults.empty()) return invalid(std::move(faults));
            const auto sent = plane.live.act(*call, std::move(command), needs_answer);
            if (sent) return json_response(202, json::write(*call, json::Mode::kApi));
            if (sent.error() == LiveFault::kNoEngine) return Problem{.code = "engine_unavailable"};
            return Problem{
                .code = "call_state",
                .detail = sent.error() == LiveFault::kNotAnswered ? "the call is not answered" : "the call has ended"};
          }};
}

}  // namespace

std::vector<Operation> call_operations(Plane& plane) {
  return {
      {.method = "POST",
       .path = "/v1/calls",
       .id = "createCall",
       .summary = "Places a call. 201 means that its intent is on disk; the call follows.",
       .scope = Scope::kManage,
       .idempotency_required = true,
       .consumes = "application/json",
       .success = 201,
       .takes = [](boost::json::object& components) { return json::schema<CallRequest>(components); },
       .gives = kCallSchema,
       .problems = {"invalid", "emergency_number", "do_not_call", "engine_unavailable"},
       .run = [&plane](Context& context) { return create(plane, context); }},
      {.method = "GET",
       .path = "/v1/calls",
       .id = "listCalls",
       .summary = "Lists calls, newest first.",
       .parameters = paging_parameters({{"state", "dialing, ringing, answered or ended."},
                                        {"to", "The number called."},
                                        {"from", "The caller's number."},
                                        {"since", "Created then or later."}}),
       .gives = page_schema(kCallSchema),
       .problems = {"invalid"},
       .shows = "call",
       .run = [&plane](Context& context) { return list(plane, context); }},
      {.method = "GET",
       .path = "/v1/calls/{id}",
       .id = "getCall",
       .summary = "Shows a call.",
       .gives = kCallSchema,
       .problems = {"not_found"},
       .shows = "call",
       .run = [&plane](Context& context) { return get(plane, context); }},
      {.method = "GET",
       .path = "/v1/calls/{id}/trace",
       .id = "getCallTrace",
       .summary = "The call's SIP ladder as text.",
       .produces = "text/plain",
       .problems = {"not_found"},
       .run = [&plane](Context& context) { return trace(plane, context); }},
  };
}

std::vector<Operation> call_action_operations(Plane& plane) {
  const auto leg = [](const Call& call) { return call.leg; };
  return {
      action<Nothing>(plane, "hangup", "hangUpCall", "Ends the call.", false,
                      [leg](Context&, const Call& call, const Nothing&, wire::ToEngine& command, json::Faults&) {
                        command.mutable_hangup()->set_leg(leg(call));
                        command.mutable_hangup()->set_cause(16);
                        command.mutable_hangup()->set_why("requested");
                      }),
      action<PlayAction>(plane, "play", "playToCall", "Plays prompts to the call.", true,
                         [leg, &plane](Context& context, const Call& call, const PlayAction& body,
                                       wire::ToEngine& command, json::Faults& faults) {
                           command.mutable_play()->set_leg(leg(call));
                           command.mutable_play()->set_loops(body.loops);
                           for (std::size_t i = 0; i < body.prompts.size(); ++i) {
                             const auto prompt = read_body<Prompt>(
                                 plane.store.find(Kind::kPrompts, context.who.project, body.prompts[i]));
                             if (prompt)
                               command.mutable_play()->add_prompts(prompt->sha256);
                             else
                               faults.push_back({"/prompts/" + std::to_string(i), "unknown", "no prompt of that id"});
                           }
                         }),
      action<Nothing>(plane, "stop_play", "stopPlayToCall", "Stops what is playing.", true,
                      [leg](Context&, const Call& call, const Nothing&, wire::ToEngine& command, json::Faults&) {
                        command.mutable_stop_play()->set_leg(leg(call));
                      }),
      action<Nothing>(plane, "hold", "holdCall", "Puts the other side on hold.", true,
                      [leg](Context&, const Call& call, const Nothing&, wire::ToEngine& command, json::Faults&) {
                        command.mutable_hold()->set_leg(leg(call));
                        command.mutable_hold()->set_on(true);
                      }),
      action<Nothing>(plane, "unhold", "unholdCall", "Takes the other side off hold.", true,
                      [leg](Context&, const Call& call, const Nothing&, wire::ToEngine& command, json::Faults&) {
                        command.mutable_hold()->set_leg(leg(call));
                        command.mutable_hold()->set_on(false);
                      }),
      action<DigitsAction>(
          plane, "send_digits", "sendDigitsToCall", "Sends digits (RFC 4733).", true,
          [leg](Context&, const Call& call, const DigitsAction& body, wire::ToEngine& command, json::Faults&) {
            command.mutable_send_dtmf()->set_leg(leg(call));
            command.mutable_send_dtmf()->set_digits(body.digits);
            command.mutable_send_dtmf()->set_duration_ms(body.duration_ms);
          }),
      action<BridgeAction>(plane, "bridge", "bridgeCall", "Joins two answered calls.", true,
                           [leg, &plane](Context& context, const Call& call, const BridgeAction& body,
                                         wire::ToEngine& command, json::Faults& faults) {
                             context.path["id"] = body.call;
                             const auto other = find_call(plane, context);
                             if (!other || other->id == call.id)
                               return faults.push_back({"/call", "unknown", "no other call of that id"});
                             if (other->state != CallStatus::kAnswered || other->engine != call.engine)
                               return faults.push_back({"/call", "call_state", "is not answered on the same engine"});
                             command.mutable_bridge()->set_leg(leg(call));
                             command.mutable_bridge()->set_other(leg(*other));
                           }),
  };
}

}  // namespace carillon::control
