#pragma once

#include "media/frame.h"

namespace carillon::media {

/// Adds `in` to `sum`, clipping at full scale (never wrapping round).
void mix(FrameSpan sum, FrameView in);

}  // namespace carillon::media
