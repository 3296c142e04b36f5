#include "engine/call/cause.h"

#include <algorithm>
#include <array>

namespace carillon::call {
namespace {

struct Row {
  int from, to;
};

constexpr std::array kOfStatus = std::to_array<Row>({
    {400, 41},  {401, 21}, {402, 21},  {403, 21},  {404, 1},  {405, 63},  {406, 79},  {407, 21},
    {408, 102}, {410, 22}, {413, 127}, {414, 127}, {415, 79}, {416, 127}, {420, 127}, {421, 127},
    {423, 127}, {480, 18}, {481, 41},  {482, 25},  {483, 25}, {484, 28},  {485, 1},   {486, 17},
    {487, 16},  {488, 65}, {500, 41},  {501, 79},  {502, 38}, {503, 41},  {504, 102}, {505, 127},
    {513, 127}, {600, 17}, {603, 21},  {604, 1},   {606, 65},
});

constexpr std::array kOfCause = std::to_array<Row>({
    {1, 404},  {2, 404},  {3, 404},  {17, 486}, {18, 408}, {19, 480},  {20, 480},  {21, 403},
    {22, 410}, {23, 410}, {26, 404}, {27, 502}, {28, 484}, {29, 501},  {31, 480},  {34, 503},
    {38, 503}, {41, 503}, {42, 503}, {47, 503}, {55, 403}, {57, 403},  {58, 503},  {63, 503},
    {65, 488}, {70, 488}, {79, 501}, {87, 403}, {88, 503}, {102, 504}, {111, 500}, {127, 500},
});

struct Name {
  std::uint8_t cause;
  std::string_view text;
};

constexpr std::array kNames = std::to_array<Name>({
    {1, "Unallocated number"},
    {16, "Normal call clearing"},
    {17, "User busy"},
    {18, "No user responding"},
    {19, "No answer from user"},
    {20, "Subscriber absent"},
    {21, "Call rejected"},
    {22, "Number changed"},
    {25, "Exchange routing error"},
    {27, "Destination out of order"},
    {28, "Invalid number format"},
    {29, "Facility rejected"},
    {31, "Normal, unspecified"},
    {34, "No circuit available"},
    {38, "Network out of order"},
    {41, "Temporary failure"},
    {42, "Switching equipment congestion"},
    {47, "Resource unavailable"},
    {65, "Bearer capability not implemented"},
    {79, "Service not implemented"},
    {88, "Incompatible destination"},
    {102, "Recovery on timer expiry"},
    {127, "Interworking, unspecified"},
});

template <std::size_t kSize>
int look_up(const std::array<Row, kSize>& rows, int key, int otherwise) {
  const auto row = std::ranges::find(rows, key, &Row::from);
  return row == rows.end() ? otherwise : row->to;
}

}  // namespace

std::uint8_t cause_of_status(int status) {
  const int by_class = status >= 500 && status < 600 ? kCauseTemporary : kCauseUnspecified;
  return static_cast<std::uint8_t>(look_up(kOfStatus, status, by_class));
}

int status_of_cause(std::uint8_t cause) { return look_up(kOfCause, cause, 480); }

std::string_view cause_text(std::uint8_t cause) {
  const auto row = std::ranges::find(kNames, cause, &Name::cause);
  return row == kNames.end() ? std::string_view{} : row->text;
}

}  // namespace carillon::call
