#pragma once
// The API as a function: Request in, Response out. Routes, authenticates, checks scope and types, keeps Idempotency-Key
// promises, gives every answer its request id, and turns whatever goes wrong into a problem of the catalogue.

#include <map>
#include <mutex>
#include <set>

#include "control/api/operation.h"
#include "control/api/rate_limit.h"
#include "control/store/ids.h"

namespace carillon::control {

class Service : public Handler {
 public:
  Service(Store& store, IdMaker& ids, std::function<WallTime()> clock)
      : store_(store), ids_(ids), clock_(std::move(clock)) {}

  /// Before the first request.
  void add(std::vector<Operation> operations);
  const std::vector<Operation>& operations() const { return operations_; }

  /// Bodies of text/csv are written into this folder as <request>.part. Before the first request.
  void spool_to(std::string folder) { spool_folder_ = std::move(folder); }

  /// How many requests a token has; without this call, as many as it likes. Before the first request.
  void limit(RateLimit limit) { limiter_ = RateLimiter(limit); }
  /// Runs operations that say what they show where `expand` or `fields` is asked for. Before the first request.
  using Shaper = std::function<Reply(const Operation&, Context&)>;
  void shape_with(Shaper shaper) { shaper_ = std::move(shaper); }

  Admission admit(const Request& head) override;
  Response handle(const Request& request) override;
  Response refuse(std::string_view code) override;

  /// Requests answered so far by status class ("2xx" …), for metrics.
  std::map<std::string, std::uint64_t> answered() const;

 private:
  struct Match {
    const Operation* operation = nullptr;
    std::map<std::string, std::string> path;
    std::map<std::string, std::string> query;
  };
  Result<Match, Problem> route(const Request& request) const;
  Result<Principal, Problem> identify(const Request& request, const Operation& operation);
  Reply perform(const Request& request, const std::string& request_id, HeaderList& limits);
  Reply shaped(const Operation& operation, Context& context);
  Reply run_once(const Operation& operation, Context& context);
  Response finish(const Request& request, Response response, const std::string& request_id);

  Store& store_;
  IdMaker& ids_;
  std::function<WallTime()> clock_;
  std::string spool_folder_;
  RateLimiter limiter_;
  Shaper shaper_;
  std::vector<Operation> operations_;
  std::vector<std::vector<std::string>> patterns_;  ///< path segments, beside operations_
  mutable std::mutex mutex_;
  std::set<std::string> in_flight_;  ///< idempotency keys
  std::map<std::string, std::uint64_t> answered_;
};

}  // namespace carillon::control
