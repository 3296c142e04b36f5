#pragma once
// expand= and fields=: what an answer shows is chosen by the one who asks (API.md A7). Ids become the objects that GET
// would show, two deep; members that nobody asked for stay away. It works on the JSON of any operation that says what
// it shows, so no resource knows of it.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/operation.h"

namespace carillon::control {

/// A member that holds an id, or a list of ids, of another kind.
struct Relation {
  std::string_view field, kind;
};
std::span<const Relation> relations_of(std::string_view kind);
/// "agent", "campaign", "campaign.lists", …: all that may stand in expand= where that kind is shown.
std::vector<std::string> expansions_of(std::string_view kind);

/// expand= and fields= for OpenAPI.
std::vector<Parameter> shape_parameters(std::string_view kind);

class Shaper {
 public:
  /// The table that the service works with; GET of one object of a kind is found in it. It may still grow.
  explicit Shaper(const std::vector<Operation>& operations) : operations_(operations) {}

  /// Runs the operation and shapes its answer. errors: invalid_parameter, before anything is run
  Reply operator()(const Operation& operation, Context& context) const;

 private:
  const Operation* getter(std::string_view kind) const;
  const std::vector<Operation>& operations_;
};

}  // namespace carillon::control
