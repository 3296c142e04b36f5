// Prompts: a WAV file comes in, is checked, kept under its digest and handed to every engine.

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "control/api/documents.h"
#include "control/api/files.h"
#include "control/api/references.h"
#include "control/model/wav.h"

namespace carillon::control {
namespace {

constexpr auto kPromptSchema = [](boost::json::object& components) { return json::schema<Prompt>(components); };

void write_durably(const std::string& path, const std::string& bytes) {
  const std::string part = path + ".part";
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  bool wrote = file >= 0;
  for (std::size_t at = 0; wrote && at < bytes.size();) {
    const auto count = ::write(file, bytes.data() + at, bytes.size() - at);
    wrote = count > 0;
    if (wrote) at += static_cast<std::size_t>(count);
  }
  wrote = wrote && ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (!wrote || ::rename(part.c_str(), path.c_str()) != 0) {
    ::unlink(part.c_str());
    throw std::runtime_error("a prompt could not be written to disk");
  }
}

bool is_used(Plane& plane, const std::string& sha256) {
  for (const Document& row : plane.store.all(Kind::kPrompts))
    if (const auto prompt = read_body<Prompt>(row); prompt && prompt->sha256 == sha256) return true;
  return false;
}

DocumentSpec<Prompt> prompt_spec(Plane& plane) {
  DocumentSpec<Prompt> spec{.kind = Kind::kPrompts,
                            .prefix = "prompt",
                            .path = "/v1/prompts",
                            .noun = "prompt",
                            .type = "Prompt",
                            .has_create = false,
                            .has_patch = false,
                            .unique_key = [](const Context& context, const Prompt& prompt) {
                              return context.who.project + "/" + prompt.name;
                            }};
  spec.in_use = [&plane](Context& context, const Prompt& prompt) -> std::string {
    for (const Document& row : plane.store.all(Kind::kNumbers)) {
      const auto number = row.project == context.who.project ? read_body<Number>(row) : std::nullopt;
      const auto* route = number ? std::get_if<PromptRoute>(&number->route) : nullptr;
      if (route != nullptr && route->prompt == prompt.id) return "number " + number->number + " plays it";
    }
    return campaign_with(plane, context, [&](const Campaign& campaign) {
      return campaign.prompt == prompt.id || campaign.safe_harbour_prompt == prompt.id ||
             campaign.music_prompt == prompt.id;
    });
  };
  spec.removed = [&plane](const Prompt& prompt) {
    if (!is_used(plane, prompt.sha256)) std::filesystem::remove(plane.live.prompt_file(prompt.sha256));
  };
  return spec;
}

Reply create(Plane& plane, Context& context) {
  Prompt prompt;
  prompt.name = context.parameter("name");
  if (const auto wrong = check_name(prompt.name); !wrong.empty()) return invalid({{"/name", "format", wrong}});
  const auto facts = wav_facts(context.request.body);
  if (!facts) return Problem{.code = "invalid_audio", .detail = facts.error()};
  prompt.id = plane.ids.make("prompt", context.now);
  prompt.sha256 = sha256_hex(context.request.body);
  prompt.size = context.request.body.size();
  prompt.duration_ms = facts->duration_ms;
  prompt.created_at = prompt.updated_at = context.now;
  const std::string path = plane.live.prompt_file(prompt.sha256);
  if (!std::filesystem::exists(path)) write_durably(path, context.request.body);
  if (const auto state = plane.live.put_prompt(prompt.sha256, context.request.body)) {
    if (!state->error().empty()) {
      if (!is_used(plane, prompt.sha256)) std::filesystem::remove(path);
      return Problem{.code = "invalid_audio", .detail = state->error()};
    }
    prompt.state = PromptStatus::kReady;
    if (state->duration_ms() != 0) prompt.duration_ms = state->duration_ms();
  }
  if (auto stored = Documents<Prompt>(plane, prompt_spec(plane)).insert(context, prompt); !stored)
    return stored.error();
  return json_response(201, json::write(prompt, json::Mode::kApi));
}

Reply audio(Plane& plane, Context& context) {
  const auto prompt = read_body<Prompt>(plane.store.find(Kind::kPrompts, context.who.project, context.id()));
  if (!prompt) return not_found("prompt");
  return file_response(context.request, plane.live.prompt_file(prompt->sha256), "audio/wav", prompt->sha256);
}

}  // namespace

std::vector<Operation> prompt_operations(Plane& plane) {
  auto operations = Documents<Prompt>(plane, prompt_spec(plane)).operations();
  operations.push_back({.method = "POST",
                        .path = "/v1/prompts",
                        .id = "createPrompt",
                        .summary = "Takes a WAV file, at most 64 MiB, and gives it to the engines.",
                        .scope = Scope::kManage,
                        .consumes = "audio/wav",
                        .success = 201,
                        .parameters = {{"name", "For people; unique within the project.", true}},
                        .gives = kPromptSchema,
                        .problems = {"invalid", "invalid_audio", "conflict"},
                        .run = [&plane](Context& context) { return create(plane, context); }});
  operations.push_back({.method = "GET",
                        .path = "/v1/prompts/{id}/audio",
                        .id = "getPromptAudio",
                        .summary = "The WAV file; Range is understood.",
                        .produces = "audio/wav",
                        .problems = {"not_found", "range_not_satisfiable"},
                        .run = [&plane](Context& context) { return audio(plane, context); }});
  return operations;
}

}  // namespace carillon::control
