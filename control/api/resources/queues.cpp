// Inbound queues: who waits for an agent, what is heard meanwhile, what becomes of whom nobody could serve.

#include <algorithm>

#include "control/api/documents.h"
#include "control/model/queue.h"

namespace carillon::control {
namespace {

class Checks {
 public:
  Checks(Plane& plane, Context& context, const Queue& queue) : plane_(plane), context_(context), queue_(queue) {}

  json::Faults find() {
    known_if(queue_.greeting_prompt, "/greeting_prompt");
    known_if(queue_.music_prompt, "/music_prompt");
    known_if(queue_.wait_prompt, "/wait_prompt");
    for (std::size_t i = 0; i < queue_.position_prompts.size(); ++i)
      known(Kind::kPrompts, queue_.position_prompts[i], "/position_prompts/" + std::to_string(i), "prompt");
    if (queue_.overflow) std::visit([&](const auto& overflow) { check(overflow); }, *queue_.overflow);
    return std::move(faults_);
  }

 private:
  void known(Kind kind, const std::string& id, std::string pointer, const char* noun) {
    if (!plane_.store.find(kind, context_.who.project, id))
      faults_.push_back({std::move(pointer), "unknown", "no " + std::string(noun) + " of that id"});
  }
  void known_if(const std::optional<std::string>& prompt, const char* pointer) {
    if (prompt) known(Kind::kPrompts, *prompt, pointer, "prompt");
  }

  void check(const HangUpOverflow& overflow) { known_if(overflow.prompt, "/overflow/prompt"); }
  void check(const PromptOverflow& overflow) { known(Kind::kPrompts, overflow.prompt, "/overflow/prompt", "prompt"); }
  void check(const EndpointOverflow& overflow) {
    known(Kind::kEndpoints, overflow.endpoint, "/overflow/endpoint", "endpoint");
  }
  void check(const NumberOverflow& overflow) {
    const auto trunk = read_body<Trunk>(plane_.store.find(Kind::kTrunks, context_.who.project, overflow.trunk));
    if (!trunk) faults_.push_back({"/overflow/trunk", "unknown", "no trunk of that id"});
    if (is_emergency(overflow.number) || (trunk && is_emergency(trunk->to_rule.apply(overflow.number))))
      faults_.push_back({"/overflow/number", "emergency_number", "the number reaches an emergency service"});
  }
  // From queue to queue, but not in a circle and not for ever.
  void check(const QueueOverflow& overflow) {
    std::string next = overflow.queue;
    for (std::size_t length = 2;; ++length) {
      if (next == queue_.id) return faults_.push_back({"/overflow/queue", "circle", "leads back to this queue"});
      const auto queue = read_body<Queue>(plane_.store.find(Kind::kQueues, context_.who.project, next));
      if (!queue) return faults_.push_back({"/overflow/queue", "unknown", "no queue of that id"});
      if (length > kQueueChainMax)
        return faults_.push_back(
            {"/overflow/queue", "range", "more than " + std::to_string(kQueueChainMax) + " queues in a row"});
      const auto* on = queue->overflow ? std::get_if<QueueOverflow>(&*queue->overflow) : nullptr;
      if (on == nullptr) return;
      next = on->queue;
    }
  }

  Plane& plane_;
  Context& context_;
  const Queue& queue_;
  json::Faults faults_;
};

// Why it may not go: the number, the queue or the callers that need it.
std::string needed_by(Plane& plane, const Context& context, const Queue& queue) {
  for (const Document& row : plane.store.all(Kind::kNumbers)) {
    const auto number = row.project == context.who.project ? read_body<Number>(row) : std::nullopt;
    const auto* route = number ? std::get_if<QueueRoute>(&number->route) : nullptr;
    if (route != nullptr && route->queue == queue.id) return "number " + number->number + " leads to it";
  }
  for (const Document& row : plane.store.all(Kind::kQueues)) {
    const auto other = row.project == context.who.project ? read_body<Queue>(row) : std::nullopt;
    const auto* on = other && other->overflow ? std::get_if<QueueOverflow>(&*other->overflow) : nullptr;
    if (on != nullptr && on->queue == queue.id) return "queue " + other->name + " overflows to it";
  }
  return plane.campaigns->has_callers(queue.id) ? "callers are in it" : std::string();
}

Reply live(Plane& plane, Context& context) {
  const auto state = plane.campaigns->queue_state(context.who.project, context.id());
  if (!state) return not_found("queue");
  return json_response(200, *state);
}

}  // namespace

std::vector<Operation> queue_operations(Plane& plane) {
  DocumentSpec<Queue> spec{
      .kind = Kind::kQueues,
      .prefix = "queue",
      .path = "/v1/queues",
      .noun = "queue",
      .type = "Queue",
      .unique_key = [](const Context& context, const Queue& queue) { return context.who.project + "/" + queue.name; }};
  spec.complete = [&plane](Context& context, Queue& queue, const Queue*) {
    return Checks(plane, context, queue).find();
  };
  spec.in_use = [&plane](Context& context, const Queue& queue) { return needed_by(plane, context, queue); };
  spec.changed = [&plane](const Queue& queue) { plane.campaigns->changed(queue); };
  spec.removed = [&plane](const Queue& queue) { plane.campaigns->removed_queue(queue.id); };
  auto operations = Documents<Queue>(plane, spec).operations();
  operations.push_back({.method = "GET",
                        .path = "/v1/queues/{id}/live",
                        .id = "getQueueLive",
                        .summary = "Who waits, who serves, and the last 24 hours; also as event queue.live, at most "
                                   "once a second and only when it has changed.",
                        .problems = {"not_found"},
                        .run = [&plane](Context& context) { return live(plane, context); }});
  return operations;
}

}  // namespace carillon::control
