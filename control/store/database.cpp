#include "control/store/database.h"

#include <fmt/format.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <deque>

#include "engine/base/check.h"

namespace carillon::control {

struct Database::Connection {
  soci::session sql;
};

namespace {

constexpr int kConstraint = 19, kBusy = 5, kLocked = 6;  // SQLite's result codes

DatabaseError translated(const std::exception& error) {
  if (const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error)) {
    if ((sqlite->result() & 0xFF) == kConstraint) return {DatabaseError::Kind::kConflict, error.what()};
    const int code = sqlite->result() & 0xFF;
    if (code == kBusy || code == kLocked) return {DatabaseError::Kind::kBusy, error.what()};
  }
  const std::string what = error.what();
  if (what.find("constraint failed") != std::string::npos) return {DatabaseError::Kind::kConflict, what};
  return {DatabaseError::Kind::kOther, what};
}

// Values must outlive the statement, so they are copied into storage whose addresses stay.
struct Bound {
  std::deque<std::string> texts;
  std::deque<long long> numbers;
  std::deque<soci::indicator> nulls;

  void bind(soci::statement& statement, const Value& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      statement.exchange(soci::use(numbers.emplace_back(*number)));
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      statement.exchange(soci::use(texts.emplace_back(*text)));
    } else {
      statement.exchange(soci::use(texts.emplace_back(), nulls.emplace_back(soci::i_null)));
    }
  }
};

Value value_of(const soci::row& row, std::size_t at) {
  if (row.get_indicator(at) == soci::i_null) return nullptr;
  switch (row.get_properties(at).get_data_type()) {
    case soci::dt_string:
      return row.get<std::string>(at);
    case soci::dt_integer:
      return static_cast<std::int64_t>(row.get<int>(at));
    case soci::dt_long_long:
      return static_cast<std::int64_t>(row.get<long long>(at));
    case soci::dt_unsigned_long_long:
      return static_cast<std::int64_t>(row.get<unsigned long long>(at));
    case soci::dt_double:
      return static_cast<std::int64_t>(row.get<double>(at));
    default:
      throw DatabaseError(DatabaseError::Kind::kOther, "a column of a type that no table here has");
  }
}

}  // namespace

Database::Database(const std::string& path) : connection_(std::make_unique<Connection>()) {
  try {
    connection_->sql.open(soci::sqlite3, fmt::format("dbname=\"{}\" timeout=5", path));
    connection_->sql << "pragma journal_mode=WAL";
    connection_->sql << "pragma synchronous=FULL";
    connection_->sql << "pragma foreign_keys=ON";
  } catch (const std::exception& error) {
    throw DatabaseError(DatabaseError::Kind::kOther, fmt::format("{}: {}", path, error.what()));
  }
}

Database::~Database() = default;

std::vector<Row> Database::query(const std::string& sql, const Values& values) {
  try {
    soci::statement statement(connection_->sql);
    Bound bound;
    soci::row row;
    for (const Value& value : values) bound.bind(statement, value);
    statement.exchange(soci::into(row));
    statement.alloc();
    statement.prepare(sql);
    statement.define_and_bind();
    statement.execute();
    std::vector<Row> rows;
    while (statement.fetch()) {
      Row& out = rows.emplace_back();
      for (std::size_t i = 0; i < row.size(); ++i) out.push_back(value_of(row, i));
    }
    return rows;
  } catch (const soci::soci_error& error) {
    throw translated(error);
  }
}

std::int64_t Database::execute(const std::string& sql, const Values& values) {
  try {
    soci::statement statement(connection_->sql);
    Bound bound;
    for (const Value& value : values) bound.bind(statement, value);
    statement.alloc();
    statement.prepare(sql);
    statement.define_and_bind();
    statement.execute(true);
    return statement.get_affected_rows();
  } catch (const soci::soci_error& error) {
    throw translated(error);
  }
}

struct Statement::Prepared {
  explicit Prepared(soci::session& sql) : statement(sql) {}
  soci::statement statement;
  std::deque<std::string> texts;  // bound by address, so they stay
  std::deque<long long> numbers;
  std::vector<std::variant<std::string*, long long*>> slots;
};

Statement::Statement(Database& database, const std::string& sql, const Values& shape)
    : prepared_(std::make_unique<Prepared>(database.connection_->sql)) {
  Prepared& own = *prepared_;
  try {
    for (const Value& value : shape) {
      CHECK(!std::holds_alternative<std::nullptr_t>(value));
      if (std::holds_alternative<std::string>(value)) {
        own.slots.emplace_back(&own.texts.emplace_back());
        own.statement.exchange(soci::use(own.texts.back()));
      } else {
        own.slots.emplace_back(&own.numbers.emplace_back());
        own.statement.exchange(soci::use(own.numbers.back()));
      }
    }
    own.statement.alloc();
    own.statement.prepare(sql);
    own.statement.define_and_bind();
  } catch (const soci::soci_error& error) {
    throw translated(error);
  }
}

Statement::~Statement() = default;

std::int64_t Statement::execute(const Values& values) {
  CHECK(values.size() == prepared_->slots.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (auto* const* text = std::get_if<std::string*>(&prepared_->slots[i]))
      **text = std::get<std::string>(values[i]);
    else
      *std::get<long long*>(prepared_->slots[i]) = std::get<std::int64_t>(values[i]);
  }
  try {
    prepared_->statement.execute(true);
    return prepared_->statement.get_affected_rows();
  } catch (const soci::soci_error& error) {
    throw translated(error);
  }
}

void Database::transaction(const std::function<void()>& work) {
  execute("begin");
  try {
    work();
    execute("commit");
  } catch (...) {
    try {
      execute("rollback");
    } catch (const DatabaseError&) {  // the data base rolled back by itself; the first fault is the one to tell
    }
    throw;
  }
}

void migrate(Database& database, const std::vector<std::string>& steps) {
  database.execute("create table if not exists migrations (step bigint primary key)");
  const auto rows = database.query("select step from migrations order by step desc limit 1");
  const std::size_t done = rows.empty() ? 0 : static_cast<std::size_t>(number_at(rows[0], 0));
  if (done > steps.size())
    throw DatabaseError(DatabaseError::Kind::kOther,
                        fmt::format("the data base is at step {}, this program knows {}", done, steps.size()));
  for (std::size_t i = done; i < steps.size(); ++i) {
    database.transaction([&] {
      for (std::size_t from = 0; from < steps[i].size();) {  // one statement at a time, ended by ";\n"
        const std::size_t end = std::min(steps[i].find(";\n", from), steps[i].size());
        database.execute(steps[i].substr(from, end - from));
        from = end + 2;
      }
      database.execute("insert into migrations (step) values (:step)", {static_cast<std::int64_t>(i + 1)});
    });
  }
}

}  // namespace carillon::control
