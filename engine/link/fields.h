#pragma once
// Checks of single fields, shared by the translations of plans and of commands. Each answers with a fault or nothing.

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/fixed_text.h"
#include "engine/base/time.h"
#include "engine/link/translate.h"
#include "engine/link/wire/digest.h"

namespace carillon::link {

/// Text that ends up in SIP or in logs: short, and no control character that would end a header.
inline std::string text_fault(std::string_view field, std::string_view text, std::size_t most) {
  if (text.size() > most) return fmt::format("{}: {} bytes, {} at most", field, text.size(), most);
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return fmt::format("{}: holds a control character", field);
  return {};
}

/// The user part of a URI.
inline std::string number_fault(std::string_view field, std::string_view text) {
  if (auto fault = text_fault(field, text, 64); !fault.empty()) return fault;
  if (text.find_first_of(" <>\"@:;?") == std::string_view::npos) return {};
  return fmt::format("{}: must not hold any of  < > \" @ : ; ? or a space", field);
}

template <std::size_t kMax>
std::string put_text(std::string_view field, std::string_view text, FixedText<kMax>& out) {
  if (auto fault = text_fault(field, text, kMax); !fault.empty()) return fault;
  out.assign(text);
  return {};
}

inline Duration ms(std::uint32_t count) { return std::chrono::milliseconds(count); }
inline Duration ms_or(std::uint32_t count, Duration preset) { return count == 0 ? preset : ms(count); }

inline bool is_digit(char c) { return std::string_view("0123456789*#").find(c) != std::string_view::npos; }

inline std::string put_terminator(std::string_view field, std::string_view text, char& out) {
  out = text.empty() ? '\0' : text[0];
  return text.empty() || (text.size() == 1 && is_digit(text[0])) ? "" : fmt::format("{}: one of 0-9 * #", field);
}

/// Where prompts are looked up and what keeps them alive.
struct PromptUse {
  const FindPrompt& find;
  std::vector<std::shared_ptr<const void>>& keeps;
};

inline std::string put_prompt(std::string_view field, std::string_view sha256, const PromptUse& use,
                              const media::Prompt*& out) {
  if (!is_sha256(sha256)) return fmt::format("{}: not a SHA-256 in lower-case hex", field);
  auto prompt = use.find(sha256);
  if (!prompt) return fmt::format("{}: unknown prompt {}", field, sha256);
  out = prompt.get();
  use.keeps.push_back(std::move(prompt));
  return {};
}

template <class Names>
std::string put_prompts(std::string_view field, const Names& names, const PromptUse& use,
                        std::vector<const media::Prompt*>& out) {
  constexpr int kPromptsMax = 64;
  if (names.size() > kPromptsMax) return fmt::format("{}: {} at most", field, kPromptsMax);
  for (int i = 0; i < names.size(); ++i) {
    const media::Prompt* prompt = nullptr;
    if (auto fault = put_prompt(fmt::format("{}/{}", field, i), names[i], use, prompt); !fault.empty()) return fault;
    out.push_back(prompt);
  }
  return {};
}

}  // namespace carillon::link
