#pragma once

#include <span>

#include "engine/base/bytes.h"
#include "media/codec/g711.h"
#include "media/detect/detector.h"

namespace carillon::media {

/// One channel's 20 ms, as they came from the wire.
struct DetectInput {
  Detector* detector = nullptr;
  Codec codec = Codec::kPcmu;
  ByteView frame;        ///< 160 codes; read when not lost. A pause of the sender is a frame of `silence(kPcmu)`
  bool is_lost = false;  ///< never came or was concealed
};

/// Feeds many detectors, each with its own frame: decodes, takes the spectrum, applies the rules. Gives each detector
/// exactly what `decode` and `Detector::feed`, or `feed_lost`, give it: the same verdicts on every processor, whatever
/// stands beside it in the batch. Fetches the state of the next detectors while one is at work. Ask each for its
/// `news()` afterwards. One that is done is passed over; one named twice hears its frames in order.
void feed(std::span<const DetectInput> inputs);

}  // namespace carillon::media
