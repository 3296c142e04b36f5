#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace carillon::cli {

/// How a command ends. Scripts read it as the exit status.
enum class Exit : int { kDone = 0, kRefused = 1, kUsage = 2, kUnreachable = 3, kServer = 4 };

/// Anything that stops a command, with the cause in words.
class Failure : public std::runtime_error {
 public:
  Failure(Exit exit, const std::string& what) : std::runtime_error(what), exit(exit) {}
  Exit exit;
};

struct Answer {
  long status = 0;
  std::string body;
};

/// The REST API, one request at a time. throws Failure when it cannot be reached or refuses
class Client {
 public:
  Client(std::string url, std::string token, std::string ca_file, bool trust_any);

  boost::json::value get(const std::string& path);
  boost::json::value post(const std::string& path, const boost::json::value& body, const std::string& key = {});
  /// A file as the body. On 409 returns null: it is there already.
  boost::json::value upload(const std::string& path, const std::string& bytes, const std::string& type);
  void remove(const std::string& path);
  std::string text(const std::string& path);
  /// How long one request may take; two minutes unless said otherwise.
  void set_time_max(std::chrono::milliseconds time) { time_max_ = time; }
  /// Every item of a paged list.
  boost::json::array all(const std::string& path);

 private:
  Answer request(const std::string& method, const std::string& path, const std::string& body,
                 const std::vector<std::string>& headers);

  std::string url_, token_, ca_file_;
  bool trust_any_;
  std::chrono::milliseconds time_max_{120'000};
};

}  // namespace carillon::cli
