#include "media/mix/mixer.h"

#include <algorithm>
#include <cstddef>

namespace carillon::media {

void mix(FrameSpan sum, FrameView in) {
  for (std::size_t i = 0; i < in.size(); ++i)
    sum[i] = static_cast<std::int16_t>(std::clamp(sum[i] + in[i], -32768, 32767));
}

}  // namespace carillon::media
