#include "control/cli/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>

namespace carillon::cli {

namespace bj = boost::json;

namespace {

std::size_t collect(char* data, std::size_t size, std::size_t count, void* out) {
  static_cast<std::string*>(out)->append(data, size * count);
  return size * count;
}

// "422 invalid: /to must be …" from a problem document.
std::string cause_of(const Answer& answer) {
  boost::system::error_code error;
  const auto body = bj::parse(answer.body, error);
  const auto* problem = error ? nullptr : body.if_object();
  if (problem == nullptr || !problem->contains("code")) return fmt::format("HTTP {}", answer.status);
  const auto member = [](const bj::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
  };
  std::string cause = fmt::format("{} {}: {}", answer.status, member(*problem, "code"), member(*problem, "detail"));
  const auto* errors = problem->if_contains("errors");
  if (errors != nullptr && errors->is_array())
    for (const auto& fault : errors->as_array())
      if (fault.is_object())
        cause += fmt::format("\n  {} {}", member(fault.as_object(), "pointer"), member(fault.as_object(), "detail"));
  if (const auto id = member(*problem, "request_id"); !id.empty()) cause += fmt::format(" ({})", id);
  return cause;
}

bj::value json_of(const Answer& answer) {
  boost::system::error_code error;
  auto value = bj::parse(answer.body.empty() ? "null" : answer.body, error);
  if (error) throw Failure(Exit::kServer, "the answer is not JSON");
  return value;
}

}  // namespace

Client::Client(std::string url, std::string token, std::string ca_file, bool trust_any)
    : url_(std::move(url)), token_(std::move(token)), ca_file_(std::move(ca_file)), trust_any_(trust_any) {
  while (url_.ends_with('/')) url_.pop_back();
}

Answer Client::request(const std::string& method, const std::string& path, const std::string& body,
                       const std::vector<std::string>& headers) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  if (!curl) throw Failure(Exit::kUnreachable, "libcurl does not start");
  Answer answer;
  const std::string url = url_ + path;
  curl_slist* list = nullptr;
  for (const auto& header : headers) list = curl_slist_append(list, header.c_str());
  if (!token_.empty()) list = curl_slist_append(list, fmt::format("Authorization: Bearer {}", token_).c_str());
  list = curl_slist_append(list, "Expect:");
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> owned(list, curl_slist_free_all);
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, collect);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(time_max_.count()));
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  if (!ca_file_.empty()) curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file_.c_str());
  if (trust_any_) {
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (method == "POST") {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
  }
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) throw Failure(Exit::kUnreachable, fmt::format("{}: {}", url_, curl_easy_strerror(code)));
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

namespace {

const Answer& good(const Answer& answer) {
  if (answer.status >= 500) throw Failure(Exit::kServer, cause_of(answer));
  if (answer.status >= 300) throw Failure(Exit::kRefused, cause_of(answer));
  return answer;
}

}  // namespace

bj::value Client::get(const std::string& path) {
  const auto answer = request("GET", path, {}, {});
  if (path == "/health" && answer.status == 503) return json_of(answer);
  return json_of(good(answer));
}

std::string Client::text(const std::string& path) { return good(request("GET", path, {}, {})).body; }

void Client::remove(const std::string& path) { good(request("DELETE", path, {}, {})); }

bj::value Client::post(const std::string& path, const bj::value& body, const std::string& key) {
  std::vector<std::string> headers{"Content-Type: application/json"};
  if (!key.empty()) headers.push_back("Idempotency-Key: " + key);
  return json_of(good(request("POST", path, bj::serialize(body), headers)));
}

bj::value Client::upload(const std::string& path, const std::string& bytes, const std::string& type) {
  const auto answer = request("POST", path, bytes, {"Content-Type: " + type});
  if (answer.status == 409) return nullptr;
  return json_of(good(answer));
}

bj::array Client::all(const std::string& path) {
  bj::array items;
  std::string cursor;
  const char joint = path.find('?') == std::string::npos ? '?' : '&';
  do {
    const auto page = get(fmt::format("{}{}limit=500{}{}", path, joint, cursor.empty() ? "" : "&cursor=", cursor));
    for (const auto& item : page.at("data").as_array()) items.push_back(item);
    const auto& next = page.at("next_cursor");
    cursor = next.is_string() ? std::string(next.as_string()) : std::string();
  } while (!cursor.empty());
  return items;
}

}  // namespace carillon::cli
