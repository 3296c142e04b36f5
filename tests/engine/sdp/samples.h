#pragma once
// Descriptions in the manner of what carriers, switches, phones and browsers send; written for these tests.

#include <string>
#include <string_view>

namespace carillon::sdp::samples {

/// A session-border controller of a carrier: 18x and 200.
inline constexpr std::string_view kCarrier =
    "v=0\r\n"
    "o=Sonus_UAC 281713 281713 IN IP4 203.0.113.10\r\n"
    "s=SIP Media Capabilities\r\n"
    "c=IN IP4 203.0.113.20\r\n"
    "t=0 0\r\n"
    "m=audio 23456 RTP/AVP 8 0 18 101\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:18 G729/8000\r\n"
    "a=fmtp:18 annexb=no\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\n"
    "a=sendrecv\r\n"
    "a=maxptime:20\r\n";

/// An old gateway: LF only, no rtpmap, address in the media section, padded words.
inline constexpr std::string_view kGateway =
    "v=0\n"
    "o=CiscoSystemsSIP-GW-UserAgent 6245 4012 IN IP4 192.0.2.7\n"
    "s=SIP Call\n"
    "t=0 0\n"
    "m=audio 17218 RTP/AVP 0  19\n"
    "c=IN IP4 192.0.2.7\n"
    "a=ptime:30\n";

/// A phone with video, which we reject, and events under another number.
inline constexpr std::string_view kPhone =
    "v=0\r\n"
    "o=- 4060837120 4060837120 IN IP4 198.51.100.9\r\n"
    "s=-\r\n"
    "c=IN IP4 198.51.100.9\r\n"
    "b=AS:384\r\n"
    "t=0 0\r\n"
    "a=tool:baresip 1.0.0\r\n"
    "m=video 31002 RTP/AVP 99\r\n"
    "a=rtpmap:99 H264/90000\r\n"
    "m=audio 31000 RTP/AVP 96 0 97\r\n"
    "a=rtpmap:96 opus/48000/2\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:97 telephone-event/8000\r\n"
    "a=fmtp:97 0-11,16\r\n"
    "a=rtcp:31055 IN IP4 198.51.100.10\r\n"
    "a=sendonly\r\n";

inline constexpr std::string_view kSix =
    "v=0\r\n"
    "o=alice 1 1 IN IP6 2001:db8::5\r\n"
    "s=-\r\n"
    "c=IN IP6 2001:db8::5\r\n"
    "t=0 0\r\n"
    "m=audio 6000 RTP/AVP 0\r\n";

/// A browser: secure only.
inline constexpr std::string_view kBrowser =
    "v=0\r\n"
    "o=mozilla...THIS_IS_SDPARTA-99.0 7710 0 IN IP4 0.0.0.0\r\n"
    "s=-\r\n"
    "t=0 0\r\n"
    "a=fingerprint:sha-256 12:34:56:78:9A:BC:DE:F0\r\n"
    "a=group:BUNDLE 0\r\n"
    "a=ice-options:trickle\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 109 9 0 8 101\r\n"
    "c=IN IP4 0.0.0.0\r\n"
    "a=mid:0\r\n"
    "a=rtpmap:109 opus/48000/2\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
    "a=rtcp-mux\r\n";

/// A minimal description with these lines after `t=`, for one rule at a time.
inline std::string with(std::string_view media_lines, std::string_view connection = "c=IN IP4 192.0.2.1\r\n",
                        std::string_view session_lines = "") {
  return std::string("v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\ns=-\r\n")
      .append(connection)
      .append("t=0 0\r\n")
      .append(session_lines)
      .append(media_lines);
}

}  // namespace carillon::sdp::samples
