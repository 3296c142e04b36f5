#pragma once
// A thin face over SOCI: text of SQL and values in, rows out. The only file pair that knows the library and which data
// base stands behind it. Statements keep to what SQLite and PostgreSQL share; placeholders are `:name`, bound in order.

#include <charconv>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace carillon::control {

using Value = std::variant<std::nullptr_t, std::int64_t, std::string>;
using Values = std::vector<Value>;
using Row = std::vector<Value>;

/// What a statement ran into. kConflict: a unique key exists already. kBusy: locked longer than the busy timeout.
class DatabaseError : public std::runtime_error {
 public:
  enum class Kind { kConflict, kBusy, kOther };
  DatabaseError(Kind kind, const std::string& what) : std::runtime_error(what), kind(kind) {}
  Kind kind;
};

/// One connection; used by one thread at a time (its owner locks).
class Database {
 public:
  /// Opens or creates the file with WAL, a busy timeout of 5 s and synchronous=FULL: a commit survives power loss.
  /// throws DatabaseError
  explicit Database(const std::string& path);
  ~Database();

  std::vector<Row> query(const std::string& sql, const Values& values = {});
  /// Returns the rows changed.
  std::int64_t execute(const std::string& sql, const Values& values = {});
  /// Commits when `work` returns, rolls back when it throws.
  void transaction(const std::function<void()>& work);

 private:
  friend class Statement;
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

/// A statement that is prepared once and run many times; for rows by the thousand. Lives shorter than its data base.
class Statement {
 public:
  /// `shape` has a value of each parameter's type; null is none.
  Statement(Database& database, const std::string& sql, const Values& shape);
  ~Statement();

  /// Returns the rows changed. `values` have the shape's types.
  std::int64_t execute(const Values& values);

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

/// Numbered steps, each run once and in order in its own transaction; the table `migrations` keeps the account.
/// throws DatabaseError when the file was written by a newer version
void migrate(Database& database, const std::vector<std::string>& steps);

inline std::string text_at(const Row& row, std::size_t at) {
  const auto* text = std::get_if<std::string>(&row[at]);
  return text != nullptr ? *text : std::string();
}
/// Also of an expression such as count(*): SQLite names no type for those, and SOCI gives them as text.
inline std::int64_t number_at(const Row& row, std::size_t at) {
  std::int64_t value = 0;
  if (const auto* number = std::get_if<std::int64_t>(&row[at])) return *number;
  if (const auto* text = std::get_if<std::string>(&row[at]))
    std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace carillon::control
