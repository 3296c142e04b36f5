#pragma once
// Webhooks: events of the store become deliveries, and deliveries become requests until someone takes them.
//
// In: a knock of the event hub, wishes of the API, answers of the transport. Out: requests, rows of the hook store, the
// event webhook.disabled. Nothing is kept in memory that a kill could lose: events are read from the store after the
// place that the hook store has committed, and a delivery is pending until its answer is on disk. So each event comes
// at least once; a receiver tells repeats by webhook-id.
//
// An endpoint that fails is left alone for a while (rest_after) and asked with one request at a time; each delivery has
// its own back-off on top, for 72 h. 410 Gone switches the webhook off, and so do 72 h without one success or too much
// that waits. What waits is kept and goes on when it is switched on again in time.

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "control/connector/transport.h"
#include "control/live/event_hub.h"
#include "control/model/webhook.h"
#include "control/store/hooks.h"
#include "control/store/ids.h"
#include "control/store/store.h"
#include "engine/base/random.h"

namespace carillon::control {

struct WebhookLimits {
  bool allow_private = false;          ///< only for URLs with a literal address; the transport sees to names
  std::size_t in_flight_max = 32;      ///< requests at once
  std::size_t per_webhook_max = 4;     ///< of these
  std::int64_t pending_max = 200'000;  ///< deliveries that wait for one webhook; one more switches it off
  std::chrono::milliseconds give_up_after = 72h;
};

class Webhooks {
 public:
  struct Parts {
    Store& store;
    HookStore& hooks;
    IdMaker& ids;
    EventHub& hub;
    std::function<WallTime()> wall;
    HookTransport& transport;
    std::uint64_t seed = 1;
  };
  Webhooks(Parts parts, WebhookLimits limits);
  ~Webhooks();

  void start_thread();
  void stop_thread();
  /// One turn: takes answers, makes deliveries of new events, sends what is due. Returns when the next one is due;
  /// nothing: at the next knock. throws DatabaseError, then the turn can be tried again
  std::optional<WallTime> step();
  /// Waits for a knock, `at_most` long. For the thread, and for tests in its place.
  void wait(std::chrono::milliseconds at_most);

  /// The webhook was created, changed or deleted in the store.
  void refresh(const std::string& id);
  bool allows(const HookUrl& url) const;
  HookStore& store() { return parts_.hooks; }
  /// One that is in flight already is left to it.
  enum class RedeliverFault { kUnknown, kOff, kForgotten };
  Result<Delivery, RedeliverFault> redeliver(const std::string& project, const std::string& id);
  /// With request, answer and attempts.
  std::optional<Delivery> show(const std::string& project, const std::string& id);

  struct Figures {
    std::uint64_t delivered = 0, failed_tries = 0, given_up = 0;
    std::int64_t pending = 0;
  };
  Figures figures();

 private:
  struct Endpoint {
    Webhook body;
    std::string project;
    int failures = 0;  ///< in a row
    WallTime rest_until{};
    std::int64_t pending = 0;  ///< in flight included
    std::map<std::string, DeliveryRow> in_flight;
  };
  struct Answered {
    std::string webhook, delivery;
    HookAnswer answer;
  };
  // Outlives this object in the hands of the transport.
  struct Inbox {
    std::mutex mutex;
    std::condition_variable wake;
    bool has_news = false, is_stopping = false;
    std::vector<Answered> answers;
    void knock();
  };
  enum class Off { kNo, kGone, kFailing, kBacklog };

  void run();
  void load();
  void clear_out(WallTime now);
  void take_answers(WallTime now);
  Off judge(Endpoint& endpoint, DeliveryRow& row, const HookAnswer& answer, WallTime now);
  bool fan_out(WallTime now);
  void send_due(WallTime now);
  void send_due(const std::string& id, Endpoint& endpoint, WallTime now);
  bool send(const std::string& id, Endpoint& endpoint, DeliveryRow row, WallTime now);
  void switch_off(const std::string& id, Off why, WallTime now);
  std::optional<WallTime> next(WallTime now);
  std::optional<EventRow> event_of(const DeliveryRow& row);

  Parts parts_;
  WebhookLimits limits_;
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::uint64_t subscription_ = 0;
  std::thread thread_;

  std::mutex mutex_;
  Random random_;
  std::map<std::string, Endpoint> endpoints_;
  std::vector<Answered> answers_;  ///< taken from the inbox, not yet on disk
  std::int64_t position_ = 0, kept_position_ = 0;
  std::size_t in_flight_ = 0;
  std::string served_last_;  ///< whose turn was last
  WallTime cleared_out_{};
  Figures figures_;
};

/// A delivery as the API shows it in a list.
Delivery delivery_view(const DeliveryRow& row);

}  // namespace carillon::control
