#pragma once
// The walker: one description of a struct (Boost.Describe, and `static Rules rules()` beside it) reads JSON into it,
// writes it and yields its JSON schema. In: boost::json values. Out: structs, or faults that name the field.
//
// Members: bool, integers, double, text, WallTime, described enums and structs, optional, vector, map<string, T>,
// boost::json::value (anything), and variants of described structs told apart by `"type"` (each with kType; one may
// be kDefault, taken when "type" is missing). Unknown fields are refused. A member that is missing keeps its default,
// unless its rule says required.

#include <boost/describe.hpp>
#include <boost/json.hpp>
#include <boost/mp11.hpp>
#include <cmath>
#include <concepts>
#include <map>
#include <variant>

#include "control/api/json/text.h"

namespace carillon::control::json {

namespace bd = boost::describe;

template <class T>
concept DescribedStruct = bd::has_describe_members<T>::value && std::is_class_v<T>;
template <class T>
concept DescribedEnum = std::is_enum_v<T> && bd::has_describe_enumerators<T>::value;

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;
template <class T>
inline constexpr bool kIsVariant = false;
template <class... T>
inline constexpr bool kIsVariant<std::variant<T...>> = true;

template <class T>
Rules rules_of() {
  if constexpr (requires { T::rules(); })
    return T::rules();
  else
    return {};
}

/// Calls visit(name, pointer to member) for each member.
template <class T, class Visit>
void each_member(Visit&& visit) {
  boost::mp11::mp_for_each<bd::describe_members<T, bd::mod_public>>(
      [&](auto descriptor) { visit(field_name(descriptor.name), descriptor.pointer); });
}

template <DescribedEnum T>
std::string enum_text(T value) {
  const char* name = bd::enum_to_string(value, "");
  return snake_of(name);
}

template <DescribedEnum T>
std::optional<T> enum_of(std::string_view text) {
  std::optional<T> found;
  boost::mp11::mp_for_each<bd::describe_enumerators<T>>([&](auto descriptor) {
    if (snake_of(descriptor.name) == text) found = descriptor.value;
  });
  return found;
}

template <DescribedEnum T>
boost::json::array enum_choices() {
  boost::json::array choices;
  boost::mp11::mp_for_each<bd::describe_enumerators<T>>(
      [&](auto descriptor) { choices.emplace_back(snake_of(descriptor.name)); });
  return choices;
}

// ------------------------------------------------------------------ read

template <class T>
void read_value(const boost::json::value& value, T& out, Walk& walk, const Rule* rule);

template <DescribedStruct T>
void read_struct(const boost::json::value& value, T& out, Walk& walk, std::string_view tag = {}) {
  const auto* object = value.if_object();
  if (object == nullptr) return walk.fault("type", "must be an object");
  std::vector<std::string_view> known;
  const Rules rules = rules_of<T>();
  each_member<T>([&](std::string_view name, auto member) {
    known.push_back(name);
    const Rule* rule = find_rule(rules, name);
    const auto* found = object->if_contains(name);
    walk.push(name);
    if (found == nullptr) {
      if (rule != nullptr && rule->required && walk.mode() == Mode::kApi) walk.fault("required", "is required");
    } else if (rule != nullptr && rule->read_only && walk.mode() == Mode::kApi) {
      walk.fault("read_only", "is set by the server");
    } else {
      read_value(*found, out.*member, walk, rule);
    }
    walk.pop();
  });
  if (walk.mode() == Mode::kStore) return;  // rows of a newer version may say more
  for (const auto& member : *object) {
    const std::string_view key(member.key());
    if (key == tag || std::find(known.begin(), known.end(), key) != known.end()) continue;
    walk.push(key);
    walk.fault("unknown_field", "is not a field of this object");
    walk.pop();
  }
}

template <class... T>
void read_variant(const boost::json::value& value, std::variant<T...>& out, Walk& walk) {
  const auto* object = value.if_object();
  if (object == nullptr) return walk.fault("type", "must be an object");
  const auto* tag = object->if_contains("type");
  const std::string_view type = tag != nullptr && tag->is_string() ? std::string_view(tag->as_string()) : "";
  bool taken = false;
  std::string choices;
  const auto attempt = [&]<class Choice>(Choice choice) {
    choices += (choices.empty() ? "" : ", ") + std::string(Choice::kType);
    const bool by_default = tag == nullptr && requires { Choice::kDefault; };
    if (taken || (type != Choice::kType && !by_default)) return;
    taken = true;
    read_struct(value, choice, walk, "type");
    out = std::move(choice);
  };
  (attempt(T{}), ...);
  if (taken) return;
  walk.push("type");
  walk.fault(tag == nullptr ? "required" : "choice", "must be one of " + choices);
  walk.pop();
}

template <std::integral T>
void read_integer(const boost::json::value& value, T& out, Walk& walk, const Rule* rule) {
  boost::system::error_code error;
  const double number = value.is_number() ? value.to_number<double>() : 0.0;
  const T exact = value.is_number() ? value.to_number<T>(error) : T{};
  if (!value.is_number() || number != std::floor(number)) return walk.fault("type", "must be a whole number");
  if (error) return walk.fault("range", "is out of range");
  walk.check_range(number, rule);
  out = exact;
}

template <class T>
void read_value(const boost::json::value& value, T& out, Walk& walk, const Rule* rule) {
  if constexpr (std::same_as<T, boost::json::value>) {
    out = value;
  } else if constexpr (std::same_as<T, bool>) {
    if (!value.is_bool()) return walk.fault("type", "must be true or false");
    out = value.as_bool();
  } else if constexpr (std::integral<T>) {
    read_integer(value, out, walk, rule);
  } else if constexpr (std::floating_point<T>) {
    if (!value.is_number()) return walk.fault("type", "must be a number");
    out = value.to_number<double>();
    walk.check_range(out, rule);
  } else if constexpr (std::same_as<T, std::string>) {
    if (!value.is_string()) return walk.fault("type", "must be a string");
    out = std::string(value.as_string());
    walk.check_text(out, rule);
  } else if constexpr (std::same_as<T, WallTime>) {
    const auto time = value.is_string() ? parse_time(value.as_string()) : std::nullopt;
    if (!time) return walk.fault("format", "must be a time like 2026-01-02T03:04:05.678Z");
    out = *time;
  } else if constexpr (DescribedEnum<T>) {
    const auto choice = value.is_string() ? enum_of<T>(value.as_string()) : std::nullopt;
    if (!choice) return walk.fault("choice", "must be one of " + text(enum_choices<T>()));
    out = *choice;
  } else if constexpr (kIsOptional<T>) {
    if (value.is_null()) {
      out.reset();
      return;
    }
    typename T::value_type inner{};
    read_value(value, inner, walk, rule);
    out = std::move(inner);
  } else if constexpr (kIsVector<T>) {
    const auto* array = value.if_array();
    if (array == nullptr) return walk.fault("type", "must be a list");
    walk.check_length(array->size(), rule);
    out.clear();
    for (std::size_t i = 0; i < array->size(); ++i) {
      walk.push(i);
      typename T::value_type element{};
      read_value((*array)[i], element, walk, nullptr);
      out.push_back(std::move(element));
      walk.pop();
    }
  } else if constexpr (kIsMap<T>) {
    const auto* object = value.if_object();
    if (object == nullptr) return walk.fault("type", "must be an object");
    walk.check_length(object->size(), rule);
    out.clear();
    for (const auto& member : *object) {
      walk.push(std::string_view(member.key()));
      read_value(member.value(), out[std::string(member.key())], walk, nullptr);
      walk.pop();
    }
  } else if constexpr (kIsVariant<T>) {
    read_variant(value, out, walk);
  } else {
    read_struct(value, out, walk);
  }
}

/// Reads `value` into `out`; what is missing keeps its default. Returns the faults, empty when all is well.
template <class T>
Faults read(const boost::json::value& value, T& out, Mode mode) {
  Walk walk(mode);
  read_value(value, out, walk, nullptr);
  return walk.take();
}

// ------------------------------------------------------------------ write

template <class T>
boost::json::value write(const T& value, Mode mode) {
  if constexpr (std::same_as<T, boost::json::value>) {
    return value;
  } else if constexpr (std::same_as<T, WallTime>) {
    return boost::json::string(rfc3339(value));
  } else if constexpr (DescribedEnum<T>) {
    return boost::json::string(enum_text(value));
  } else if constexpr (kIsOptional<T>) {
    return value ? write(*value, mode) : boost::json::value(nullptr);
  } else if constexpr (kIsVector<T>) {
    boost::json::array array;
    for (const auto& element : value) array.push_back(write(element, mode));
    return array;
  } else if constexpr (kIsMap<T>) {
    boost::json::object object;
    for (const auto& [key, element] : value) object[key] = write(element, mode);
    return object;
  } else if constexpr (kIsVariant<T>) {
    return std::visit(
        [&](const auto& choice) {
          boost::json::object object;
          object["type"] = std::decay_t<decltype(choice)>::kType;
          const auto members = write(choice, mode);
          for (const auto& member : members.as_object()) object[member.key()] = member.value();
          return boost::json::value(object);
        },
        value);
  } else if constexpr (DescribedStruct<T>) {
    boost::json::object object;
    const Rules rules = rules_of<T>();
    each_member<T>([&](std::string_view name, auto member) {
      const Rule* rule = find_rule(rules, name);
      if (mode == Mode::kApi && rule != nullptr && rule->write_only) return;
      object[name] = write(value.*member, mode);
    });
    return object;
  } else if constexpr (std::same_as<T, std::string>) {
    return boost::json::string(value);
  } else {
    return boost::json::value(value);
  }
}

// ------------------------------------------------------------------ schema

/// JSON schema 2020-12 of T; described structs with a kSchema name go to `components` once and are referred to.
template <class T>
boost::json::object schema(boost::json::object& components, const Rule* rule = nullptr);

template <DescribedStruct T>
boost::json::object struct_schema(boost::json::object& components) {
  boost::json::object properties;
  boost::json::array required;
  if constexpr (requires { T::kType; }) {
    properties["type"] = boost::json::object{{"const", T::kType}};
    if constexpr (!requires { T::kDefault; }) required.emplace_back("type");
  }
  const Rules rules = rules_of<T>();
  each_member<T>([&]<class M>(std::string_view name, M T::*member) {
    (void)member;
    const Rule* rule = find_rule(rules, name);
    if (rule != nullptr && rule->read_only && rule->write_only) return;  // ours alone
    properties[name] = schema<M>(components, rule);
    if (rule != nullptr && rule->required) required.emplace_back(name);
  });
  boost::json::object object{{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) object["required"] = required;
  return object;
}

template <class... T>
boost::json::array variant_schemas(const std::variant<T...>*, boost::json::object& components) {
  return {boost::json::value(schema<T>(components))...};
}

template <class T>
boost::json::object schema(boost::json::object& components, const Rule* rule) {
  boost::json::object out;
  if constexpr (std::same_as<T, boost::json::value>) {
  } else if constexpr (std::same_as<T, bool>) {
    out["type"] = "boolean";
  } else if constexpr (std::integral<T>) {
    out["type"] = "integer";
  } else if constexpr (std::floating_point<T>) {
    out["type"] = "number";
  } else if constexpr (std::same_as<T, std::string>) {
    out["type"] = "string";
  } else if constexpr (std::same_as<T, WallTime>) {
    out = {{"type", "string"}, {"format", "date-time"}};
  } else if constexpr (DescribedEnum<T>) {
    out = {{"type", "string"}, {"enum", enum_choices<T>()}};
  } else if constexpr (kIsOptional<T>) {
    out = schema<typename T::value_type>(components, rule);
    if (auto* type = out.if_contains("type"))
      *type = boost::json::array{*type, "null"};
    else
      out = {{"anyOf", boost::json::array{out, boost::json::object{{"type", "null"}}}}};
    return out;
  } else if constexpr (kIsVector<T>) {
    out = {{"type", "array"}, {"items", schema<typename T::value_type>(components)}};
  } else if constexpr (kIsMap<T>) {
    out = {{"type", "object"}, {"additionalProperties", schema<typename T::mapped_type>(components)}};
  } else if constexpr (kIsVariant<T>) {
    out["oneOf"] = variant_schemas(static_cast<const T*>(nullptr), components);
  } else if constexpr (requires { T::kSchema; }) {
    if (!components.contains(T::kSchema)) {
      components[T::kSchema] = boost::json::object{};  // holds the name while members are walked
      components[T::kSchema] = struct_schema<T>(components);
    }
    out["$ref"] = reference(T::kSchema);
  } else {
    out = struct_schema<T>(components);
  }
  describe(out, rule);
  return out;
}

}  // namespace carillon::control::json
