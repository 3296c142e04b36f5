#include "engine/link/phone_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <string_view>

namespace carillon::link {
namespace {

constexpr std::size_t kContactMax = 127;  // a longer one may have been cut on its way here

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return {};
  return number;
}

// "127.0.0.1:5060", "[::1]:5060"
std::optional<Endpoint> source_of(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {};
  auto address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  const auto port = number_of<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0) return {};
  return Endpoint::parse(address, *port);
}

// Five fields with tabs between them.
std::optional<std::array<std::string_view, 5>> fields_of(std::string_view line) {
  std::array<std::string_view, 5> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto tab = line.find('\t');
    if ((tab == std::string_view::npos) != (i + 1 == fields.size())) return {};
    fields[i] = line.substr(0, tab);
    line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
  }
  return fields;
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

PhoneBook::PhoneBook(std::string path, WallTime now) : path_(std::move(path)) {
  std::ifstream in(path_);
  for (std::string line; entries_.size() < kEntriesMax && std::getline(in, line);) {
    const auto fields = fields_of(line);
    if (!fields) continue;
    const auto& [expires, id, username, source, contact] = *fields;
    const auto at = number_of<std::int64_t>(expires);
    const auto from = source_of(source);
    if (!at || !from || WallTime(std::chrono::milliseconds(*at)) <= now) continue;
    entries_[std::string(id)] = {.username = std::string(username),
                                 .contact = std::string(contact),
                                 .source = *from,
                                 .expires = WallTime(std::chrono::milliseconds(*at))};
  }
}

std::optional<call::Bound> PhoneBook::put(const std::string& id, const std::string& username, WallTime now) {
  if (!entries_.contains(id) && entries_.size() == kEntriesMax) return {};
  Entry& entry = entries_[id];
  if (entry.username != username) {
    is_changed_ |= entry.expires != WallTime{};
    entry = {.username = username, .contact = {}};
  }
  if (entry.expires <= now) return {};
  return call::Bound{.contact = entry.contact, .source = entry.source, .expires = entry.expires - now};
}

void PhoneBook::remove(const std::string& id) { is_changed_ |= entries_.erase(id) != 0; }

void PhoneBook::note(const call::EndpointState& state, WallTime now) {
  const auto at = entries_.find(std::string(state.id.view()));
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  is_changed_ = true;
  entry.expires = WallTime{};
  if (!state.registered || state.contact.size() > kContactMax || !is_plain(state.contact.view())) return;
  entry.contact = state.contact.view();
  entry.source = state.source;
  entry.expires = now + std::chrono::seconds(state.expires_s);
}

bool PhoneBook::save() {
  if (!is_changed_) return true;
  const std::string beside = path_ + ".new";
  {
    std::ofstream out(beside, std::ios::trunc);
    for (const auto& [id, entry] : entries_)
      if (entry.expires != WallTime{} && is_plain(id) && is_plain(entry.username))
        out << fmt::format("{}\t{}\t{}\t{}\t{}\n", entry.expires.time_since_epoch().count(), id, entry.username,
                           entry.source.text(), entry.contact);
    if (!out.flush()) return false;
  }
  if (std::rename(beside.c_str(), path_.c_str()) != 0) return false;
  is_changed_ = false;
  return true;
}

}  // namespace carillon::link
