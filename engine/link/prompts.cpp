#include "engine/link/prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/link/wire/digest.h"

namespace carillon::link {

namespace fs = std::filesystem;

Result<std::unique_ptr<PromptStore>, std::string> PromptStore::open(PromptStoreConfig config) {
  std::error_code fault;
  fs::create_directories(config.folder, fault);
  if (fault) return fmt::format("{}: {}", config.folder, fault.message());
  std::unique_ptr<PromptStore> store(new PromptStore(std::move(config)));
  for (const auto& entry : fs::directory_iterator(store->config_.folder, fault)) {
    const auto stem = entry.path().stem().string();
    if (entry.path().extension() == ".wav" && is_sha256(stem)) store->add(stem, entry.file_size(fault), nullptr);
    if (entry.path().extension() == ".part") fs::remove(entry.path(), fault);  // cut off while it was written
  }
  if (fault) return fmt::format("{}: {}", store->config_.folder, fault.message());
  return store;
}

std::string PromptStore::path_of(std::string_view sha256) const {
  return fmt::format("{}/{}.wav", config_.folder, sha256);
}

void PromptStore::add(const std::string& sha256, std::size_t size, std::shared_ptr<const media::Prompt> prompt) {
  ages_.push_back(sha256);
  known_[sha256] = {size, std::move(prompt), std::prev(ages_.end())};
  bytes_ += size;
}

void PromptStore::remove(const std::string& sha256) {
  const auto at = known_.find(sha256);
  if (at == known_.end()) return;
  bytes_ -= at->second.size;
  ages_.erase(at->second.age);
  known_.erase(at);
  std::error_code ignored;
  fs::remove(path_of(sha256), ignored);
}

std::shared_ptr<const media::Prompt> PromptStore::find(std::string_view sha256) {
  const std::string name(sha256);
  const auto at = known_.find(name);
  if (at == known_.end()) return nullptr;
  ages_.splice(ages_.end(), ages_, at->second.age);
  if (at->second.prompt) return at->second.prompt;

  std::ifstream in(path_of(name), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  if (in && sha256_hex(bytes_of(bytes)) == name) {
    if (auto prompt = media::Prompt::from_wav(bytes_of(bytes), name))
      at->second.prompt = std::make_shared<const media::Prompt>(std::move(*prompt));
  }
  if (at->second.prompt) return at->second.prompt;
  remove(name);
  return nullptr;
}

Result<PromptStore::Put, std::string> PromptStore::put(std::string_view sha256, std::uint64_t offset,
                                                       std::uint64_t size, ByteView data) {
  if (!is_sha256(sha256)) return std::string("sha256: not a SHA-256 in lower-case hex");
  if (size == 0 || size > config_.file_max) return fmt::format("size: 1 to {} bytes", config_.file_max);
  if (offset > size || data.size() > size - offset) return std::string("data: reaches beyond size");
  if (has(sha256)) return Put::kComplete;

  auto at = std::find_if(assembling_.begin(), assembling_.end(), [&](const auto& one) { return one.sha256 == sha256; });
  if (at == assembling_.end()) {
    if (assembling_.size() >= config_.assembling_max) assembling_.pop_front();
    at = assembling_.insert(assembling_.end(), {std::string(sha256), size, {}});
  }
  if (offset == 0 || at->size != size) {
    at->bytes.clear();
    at->size = size;
  }
  const std::uint64_t have = at->bytes.size();
  if (offset > have) return fmt::format("offset: {}, but only {} bytes have come", offset, have);
  if (offset + data.size() > have) at->bytes.append(text_of(data.subspan(have - offset)));
  assembling_.splice(assembling_.end(), assembling_, at);
  if (at->bytes.size() < size) return Put::kMore;
  Assembling done = std::move(*at);
  assembling_.erase(at);
  return complete(std::move(done));
}

Result<PromptStore::Put, std::string> PromptStore::complete(Assembling done) {
  if (sha256_hex(bytes_of(done.bytes)) != done.sha256)
    return std::string("data: does not hash to sha256; send it anew");
  auto prompt = media::Prompt::from_wav(bytes_of(done.bytes), done.sha256);
  if (!prompt) return fmt::format("data: {}", media::text(prompt.error()));
  if (!make_room(done.bytes.size())) return std::string("the prompt store is full and every prompt is in use");
  if (!write(done.sha256, done.bytes)) return std::string("the prompt could not be written to disk");
  add(done.sha256, done.bytes.size(), std::make_shared<const media::Prompt>(std::move(*prompt)));
  return Put::kComplete;
}

bool PromptStore::make_room(std::size_t size) {
  for (auto at = ages_.begin(); at != ages_.end() && bytes_ + size > config_.bytes_max;) {
    const std::string oldest = *at++;
    if (known_.at(oldest).prompt.use_count() <= 1) remove(oldest);
  }
  return bytes_ + size <= config_.bytes_max;
}

bool PromptStore::write(const std::string& sha256, std::string_view bytes) {
  const std::string part = path_of(sha256) + ".part";
  std::ofstream out(part, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code fault;
  if (out) fs::rename(part, path_of(sha256), fault);
  if (out && !fault) return true;
  fs::remove(part, fault);
  return false;
}

}  // namespace carillon::link
