#pragma once
// An inbound queue as the API shows it and the store keeps it, and the call plan of those who wait in it.

#include <boost/describe.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/model/call.h"
#include "control/model/plan.h"
#include "control/model/resources.h"
#include "dialer/campaign/campaign.h"

namespace carillon::control {

/// What becomes of a caller who has waited as long as the queue allows.
struct HangUpOverflow {
  static constexpr const char* kType = "hang_up";
  std::optional<std::string> prompt;  ///< heard first
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(HangUpOverflow, (), (prompt))
/// A phone of ours rings while the caller hears ringback.
struct EndpointOverflow {
  static constexpr const char* kType = "endpoint";
  std::string endpoint;
  std::uint32_t ring_time_s = 30;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(EndpointOverflow, (), (endpoint, ring_time_s))
/// A reserve number outside rings while the caller hears ringback.
struct NumberOverflow {
  static constexpr const char* kType = "number";
  std::string number, trunk;
  std::uint32_t ring_time_s = 30;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(NumberOverflow, (), (number, trunk, ring_time_s))
/// Another queue, with its own greeting, music, time and overflow.
struct QueueOverflow {
  static constexpr const char* kType = "queue";
  std::string queue;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(QueueOverflow, (), (queue))
/// A prompt, then the end.
struct PromptOverflow {
  static constexpr const char* kType = "prompt";
  std::string prompt;
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(PromptOverflow, (), (prompt))

struct Queue {
  static constexpr const char* kSchema = "Queue";
  std::string id, name;
  std::optional<std::string> greeting_prompt, music_prompt;
  std::optional<std::string> wait_prompt;  ///< "please wait", again and again
  std::uint32_t wait_prompt_every_s = 30;
  std::vector<std::string> position_prompts;
  std::uint32_t max_wait_s = 60;
  std::optional<std::variant<HangUpOverflow, PromptOverflow, EndpointOverflow, NumberOverflow, QueueOverflow>> overflow;
  std::uint32_t service_level_s = 20;
  std::uint32_t wrap_up_s = 30;
  WallTime created_at{}, updated_at{};
  static Rules rules();
};
BOOST_DESCRIBE_STRUCT(Queue, (),
                      (id, name, greeting_prompt, music_prompt, wait_prompt, wait_prompt_every_s, position_prompts,
                       max_wait_s, overflow, service_level_s, wrap_up_s, created_at, updated_at))

/// At most so many queues pass a caller on.
inline constexpr std::size_t kQueueChainMax = 4;

/// A queue by its id, or nothing.
using QueueNames = std::function<std::optional<Queue>(const std::string& id)>;
/// The queue and those that its overflow leads to, in order; a circle or a longer way ends where it would begin again.
std::vector<Queue> queue_chain(const std::string& id, const QueueNames& queues);

/// The dialer's rules of a queue.
dialer::CampaignConfig config_of(const Queue& queue);

/// What the engine does with a caller on its own: greeting, music and "please wait" until an agent is bridged, after
/// max_wait_s the overflow. A prompt that is gone is left out: nobody is turned away for want of music.
/// Marks: waiting (waiting.2, waiting.3 … in the queues that overflow leads to), connected, overflow, transferred.
dialer::CallPlan queue_plan(const std::vector<Queue>& chain, const PromptNames& prompts, bool record);

/// Which queue of its chain the mark says that a caller now waits in: 0 for "waiting", 1 for "waiting.2", …
std::optional<std::size_t> waiting_in(std::string_view mark);

/// Adds a mark to a call; of one that came in by a queue it also keeps queue, waited_ms and queue_outcome.
void take_mark(Call& call, std::string mark, WallTime at);
/// The end of a call that came in by a queue: how its waiting ended.
void end_visit(Call& call);

}  // namespace carillon::control
