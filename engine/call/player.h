#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "media/prompt/prompt.h"

namespace carillon::call {

/// What a leg plays: prompts one behind the other, again and again. Frames go out by reference; nothing is copied.
/// The prompts and the list must outlive the play.
class Player {
 public:
  /// loops 0: for ever. A list without a single frame is over at once.
  void start(std::span<const media::Prompt* const> prompts, std::uint32_t loops) {
    prompts_ = prompts;
    loops_left_ = loops;
    is_endless_ = loops == 0;
    at_ = frame_ = 0;
    is_playing_ = total() > 0;
    current_ = nullptr;
    skip_empty();
  }
  void stop() { is_playing_ = false; }
  bool is_playing() const { return is_playing_; }

  /// The next 20 ms; nothing when the play is over (is_playing() turns false with the last frame).
  std::optional<ByteView> next(media::Codec codec) {
    if (!is_playing_) return {};
    const ByteView frame = current_->frame(codec, frame_);
    if (++frame_ == current_->frames()) {
      frame_ = 0;
      ++at_;
      skip_empty();
    }
    return frame;
  }

  /// What is being played, or was played last; null before the first.
  const media::Prompt* prompt() const {
    if (prompts_.empty()) return nullptr;
    return prompts_[at_ < prompts_.size() ? at_ : prompts_.size() - 1];
  }

 private:
  std::size_t total() const {
    std::size_t frames = 0;
    for (const media::Prompt* prompt : prompts_) frames += prompt->frames();
    return frames;
  }
  // A loop ends behind the last prompt; there is at least one frame in the list, so this ends.
  void skip_empty() {
    while (is_playing_) {
      if (at_ == prompts_.size()) {
        if (!is_endless_ && --loops_left_ == 0) {
          is_playing_ = false;
          return;
        }
        at_ = 0;
      }
      current_ = prompts_[at_];
      if (current_->frames() > 0) return;
      ++at_;
    }
  }

  const media::Prompt* current_ = nullptr;  // prompts_[at_]: the list lies where nobody else looks
  std::span<const media::Prompt* const> prompts_;
  std::uint32_t loops_left_ = 0;
  bool is_endless_ = false, is_playing_ = false;
  std::uint32_t at_ = 0, frame_ = 0;
};

}  // namespace carillon::call
