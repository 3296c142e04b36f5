// Our parser beside libosip2's, over every message that we have: the same ones are taken, and the same is read from
// them. Where not, tests/engine/sip/differences.txt says for this one message and field who is right, by which section.
// A difference that is not in the table fails the test, and so does a line of the table that is no difference (any
// more).

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "engine/sip/field.h"
#include "engine/sip/message.h"
#include "engine/sip/text.h"
#include "engine/sip/validate.h"

extern "C" {
#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
}

namespace carillon::sip {
namespace {

namespace fs = std::filesystem;
const fs::path kHere = CARILLON_SOURCE_DIR "/tests/engine/sip";

/// What a parser read, by field; `why` it refused the message, empty if it took it.
struct Reading {
  std::map<std::string, std::string> fields;
  std::string why;
  std::string& operator[](const std::string& field) { return fields[field]; }
};
Reading refused(std::string_view why) { return {{}, std::string(why)}; }

// %41 as A: libosip2 hands out user parts so.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

// ---- ours

std::string uri_text(std::string_view text) {
  const auto uri = Uri::parse(text);
  if (!uri) return std::string(text);
  const auto host = uri->scheme == "tel" ? std::string_view{} : uri->host;
  return fmt::format("{}:{}@{}:{}", lower_case(uri->scheme), unescaped(uri->user), host, uri->port);
}

Reading ours(std::string_view wire) {
  const auto message = Message::parse(bytes_of(wire));
  if (!message) return refused("no message");
  Fault fault = message->fault();
  if (fault == Fault::kNone && message->is_request()) fault = validate(*message);
  if (fault != Fault::kNone) return refused(name_of(fault));
  if (!Via::parse(top_via(*message))) return refused(name_of(Fault::kVia));  // a response that matches nothing
  Reading read;
  if (message->is_request()) {
    read["method"] = message->method_text();
    read["Request-URI"] = uri_text(message->request_uri());
  } else {
    read["status"] = std::to_string(message->status());
  }
  if (const auto via = Via::parse(top_via(*message))) {
    read["Via"] = fmt::format("{} {}:{}", via->transport, via->host, via->port);
    read["branch"] = via->branch;
  }
  const auto address = [&](HeaderId id, const std::string& name) {
    const auto parsed = NameAddress::parse(message->value(id));
    if (!parsed) return;
    read[name] = uri_text(parsed->uri);
    read[name + " tag"] = parsed->tag();
  };
  address(HeaderId::kFrom, "From");
  address(HeaderId::kTo, "To");
  read["Call-ID"] = message->value(HeaderId::kCallId);
  const auto cseq = message->value(HeaderId::kCSeq);
  read["CSeq"] = fmt::format("{} {}", message->cseq(), trim(cseq.substr(cseq.find_first_not_of("0123456789"))));
  if (const auto length = message->find(HeaderId::kContentLength))
    read["Content-Length"] = std::to_string(number(*length).value());
  read["body"] = std::to_string(message->body().size());
  auto contacts = message->value(HeaderId::kContact);
  const auto contact = next_element(contacts);
  if (contact == "*")
    read["Contact"] = "*";
  else if (const auto parsed = NameAddress::parse(contact))
    read["Contact"] = uri_text(parsed->uri);
  if (const auto hops = message->find(HeaderId::kMaxForwards)) read["Max-Forwards"] = std::to_string(*number(*hops));
  return read;
}

// ---- libosip2's

std::string text_or_empty(const char* text) { return text ? text : ""; }
unsigned port_of(const char* text) { return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 0; }

std::string uri_text(const osip_uri_t* uri) {
  if (!uri) return {};
  const auto scheme = lower_case(text_or_empty(uri->scheme));
  if (uri->string) {  // a scheme that it does not know
    const std::string rest = uri->string;
    if (scheme != "tel") return text_or_empty(uri->scheme) + ":" + rest;
    return fmt::format("tel:{}@:0", rest.substr(0, rest.find(';')));
  }
  return fmt::format("{}:{}@{}:{}", scheme, text_or_empty(uri->username), text_or_empty(uri->host), port_of(uri->port));
}

template <class List>
std::string parameter_of(List* list, const char* name) {
  osip_generic_param_t* found = nullptr;
  osip_generic_param_get_byname(list, const_cast<char*>(name), &found);
  return found ? text_or_empty(found->gvalue) : "";
}

std::size_t end_of_headers(std::string_view text) {
  const auto start = text.find_first_not_of("\r\n");
  const auto end = std::min(text.find("\r\n\r\n", start), text.find("\n\n", start));
  return end == text.npos ? end : end + (text[end] == '\r' ? 4 : 2);
}

// libosip2 makes a Content-Length where there is none and a body is.
bool has_length(const std::string& wire) {
  static const std::regex kField(R"((^|\n)(content-length|l)[ \t]*:)", std::regex::icase);
  return std::regex_search(wire.substr(0, std::min(wire.size(), end_of_headers(wire))), kField);
}

Reading theirs(const std::string& wire) {
  osip_message_t* raw = nullptr;
  if (osip_message_init(&raw) != 0) return refused("refused");
  const std::unique_ptr<osip_message_t, decltype(&osip_message_free)> message(raw, osip_message_free);
  if (osip_message_parse(raw, wire.data(), wire.size()) != 0) return refused("refused");
  // Its transaction layer asks for these; the parser alone does not.
  const auto* via = static_cast<osip_via_t*>(osip_list_get(&raw->vias, 0));
  if (!via || !raw->from || !raw->to || !raw->call_id || !raw->cseq) return refused("refused");
  Reading read;
  if (MSG_IS_REQUEST(raw)) {
    read["method"] = text_or_empty(raw->sip_method);
    read["Request-URI"] = uri_text(raw->req_uri);
  } else {
    read["status"] = std::to_string(raw->status_code);
  }
  read["Via"] = fmt::format("{} {}:{}", text_or_empty(via->protocol), text_or_empty(via->host), port_of(via->port));
  read["branch"] = parameter_of(const_cast<osip_list_t*>(&via->via_params), "branch");
  read["From"] = uri_text(raw->from->url);
  read["From tag"] = parameter_of(&raw->from->gen_params, "tag");
  read["To"] = uri_text(raw->to->url);
  read["To tag"] = parameter_of(&raw->to->gen_params, "tag");
  read["Call-ID"] = text_or_empty(raw->call_id->number);
  if (raw->call_id->host) read["Call-ID"] += "@" + std::string(raw->call_id->host);
  read["CSeq"] = fmt::format("{} {}", port_of(raw->cseq->number), text_or_empty(raw->cseq->method));
  if (raw->content_length && has_length(wire))
    read["Content-Length"] = std::to_string(port_of(raw->content_length->value));
  std::size_t size = 0;
  for (int i = 0; i < osip_list_size(&raw->bodies); ++i)
    size += static_cast<const osip_body_t*>(osip_list_get(&raw->bodies, i))->length;
  read["body"] = std::to_string(size);
  if (const auto* contact = static_cast<osip_contact_t*>(osip_list_get(&raw->contacts, 0))) {
    const bool is_star = !contact->url && text_or_empty(contact->displayname) == "*";
    read["Contact"] = is_star ? "*" : uri_text(contact->url);
  }
  osip_header_t* hops = nullptr;
  if (osip_message_header_get_byname(raw, "max-forwards", 0, &hops) >= 0 && hops)
    read["Max-Forwards"] = std::to_string(port_of(hops->hvalue));
  return read;
}

// ---- the corpus

std::string digest_of(std::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), bytes, &size, EVP_sha256(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < 8; ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

std::string file_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Samples were cut from sources. What their program adds at sending is put in: the empty line, and in templates
// ([remote_ip] of SIPp, $LOCAL_PORT of pjsua's tests) the values, [len] last.
std::string completed(std::string text, bool is_template) {
  if (is_template) {
    for (const auto& [name, line] : {std::pair{"Via", "Via: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1"},
                                     {"From", "From: <sip:a@192.0.2.2>;tag=1"},
                                     {"To", "To: <sip:b@192.0.2.1>"},
                                     {"Call-ID", "Call-ID: 1@192.0.2.2"},
                                     {"CSeq", "CSeq: 1 INVITE"}})
      text = std::regex_replace(text, std::regex(fmt::format(R"(\[last_{}:?\])", name), std::regex::icase), line);
    text = std::regex_replace(text, std::regex(R"(\[last_[^\]]*\][^\n]*\n)"), "");
    for (const auto& [name, value] : {std::pair{"transport", "UDP"},
                                      {"local_ip", "192.0.2.2"},
                                      {"remote_ip", "192.0.2.1"},
                                      {"local_port", "5060"},
                                      {"remote_port", "5060"},
                                      {"local_ip_type", "4"},
                                      {"branch", "z9hG4bK1"},
                                      {"peer_tag_param", ";tag=1"}})
      text = std::regex_replace(text, std::regex(fmt::format(R"(\[{}\])", name)), value);
    text = std::regex_replace(text, std::regex(R"(\[\$[^\]]*\])"), "");
    text = std::regex_replace(text, std::regex(R"(\[(?!len\])[^\]]*\])"), "1");
    text = std::regex_replace(text, std::regex(R"(\$LOCAL_IP)"), "192.0.2.2");
    text = std::regex_replace(text, std::regex(R"(\$[A-Z_]+)"), "5060");
  }
  if (end_of_headers(text) == text.npos) text += text.ends_with('\n') ? "\r\n" : "\r\n\r\n";
  const auto length = std::to_string(text.size() - end_of_headers(text));
  return is_template ? std::regex_replace(text, std::regex(R"(\[len\])"), length) : text;
}

// By name what is ours, by the hash of its content what is not.
std::map<std::string, std::string> corpus() {
  std::map<std::string, std::string> messages;
  for (const auto* folder : {"torture", "corpus/message_fuzz"})
    for (const auto& entry : fs::directory_iterator(kHere / folder)) {
      if (folder == std::string_view("torture") && entry.path().extension() != ".dat") continue;
      messages[fmt::format("{}/{}", fs::path(folder).filename().string(), entry.path().stem().string())] =
          file_text(entry.path());
    }
  // Beside the repository, or beside the folder of its work trees.
  const fs::path root = CARILLON_SOURCE_DIR;
  const fs::path beside = root.parent_path() / "shared/corpus/sip";
  const fs::path shared = fs::exists(beside) ? beside : root.parent_path().parent_path() / "shared/corpus/sip";
  if (!fs::exists(shared)) {
    fmt::print("shared/corpus/sip is absent: its messages are left out\n");
    return messages;
  }
  for (const auto& entry : fs::recursive_directory_iterator(shared)) {
    if (!entry.is_regular_file()) continue;
    auto text = file_text(entry.path());
    const auto key = digest_of(text);
    messages[key] = completed(std::move(text), entry.path().extension() == ".tmpl");
  }
  return messages;
}

struct Difference {
  std::string message, field, ours, theirs;
};

// The first field of all is the verdict.
std::vector<Difference> differences(const std::string& name, Reading mine, Reading other) {
  if (mine.why.empty() != other.why.empty()) {
    const auto verdict = [](const Reading& reading) { return reading.why.empty() ? "taken" : reading.why; };
    return {{name, "verdict", verdict(mine), verdict(other)}};
  }
  std::vector<Difference> found;
  for (const auto& [field, value] : std::map(mine.fields)) other.fields.try_emplace(field);
  for (const auto& [field, value] : other.fields)
    if (mine[field] != value) found.push_back({name, field, mine[field], value});
  return found;
}

// "message | field | who is right, section | why", sorted by nothing; "#" begins a comment.
std::map<std::pair<std::string, std::string>, std::string> explanations() {
  std::map<std::pair<std::string, std::string>, std::string> table;
  std::ifstream in(kHere / "differences.txt");
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::vector<std::string> cells;
    std::istringstream rest(line);
    for (std::string cell; std::getline(rest, cell, '|');) cells.emplace_back(trim(cell));
    const bool is_complete = cells.size() == 4 && cells[2].find("§") != std::string::npos && !cells[3].empty();
    EXPECT_TRUE(is_complete) << "differences.txt: " << line;
    if (!is_complete) continue;
    EXPECT_TRUE(table.emplace(std::pair(cells[0], cells[1]), line).second) << "twice: " << line;
  }
  return table;
}

bool is_ours(const std::string& name) { return name.find('/') != name.npos; }

TEST(Differential, EveryDifferenceToOsipIsExplained) {
  ASSERT_EQ(parser_init(), 0);
  osip_trace_initialize_func(END_TRACE_LEVEL, [](const char*, int, osip_trace_level_t, const char*, va_list) {});
  const auto messages = corpus();
  auto table = explanations();
  int taken = 0, refused_by_both = 0, different = 0;
  for (const auto& [name, wire] : messages) {
    const auto mine = ours(wire), other = theirs(wire);
    taken += mine.why.empty() && other.why.empty();
    refused_by_both += !mine.why.empty() && !other.why.empty();
    for (const auto& each : differences(name, mine, other)) {
      ++different;
      EXPECT_EQ(table.erase({each.message, each.field}), 1u)
          << fmt::format("not in differences.txt: {} | {} | ours: {}, libosip2's: {}", each.message, each.field,
                         each.ours, each.theirs);
    }
  }
  for (const auto& [key, line] : table)
    if (is_ours(key.first) || messages.contains(key.first)) ADD_FAILURE() << "no difference (any more): " << line;
  const bool has_shared =
      std::any_of(messages.begin(), messages.end(), [](const auto& each) { return !is_ours(each.first); });
  for (const auto& [key, line] : table)
    if (has_shared && !messages.contains(key.first)) ADD_FAILURE() << "no such message: " << line;
  EXPECT_GT(taken, 50);  // both read something
  fmt::print("{} messages: {} taken by both, {} refused by both; {} differences, each explained\n", messages.size(),
             taken, refused_by_both, different);
}

}  // namespace
}  // namespace carillon::sip
