#include "engine/sdp/transport_attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace carillon::sdp {
namespace {

constexpr std::string_view kPrint =
    "sha-256 E1:55:16:07:23:BF:EC:78:E4:33:63:01:FB:2D:7B:C4:27:00:BB:25:89:D5:BC:83:91:E9:EF:E6:B9:14:1C:D1";

TEST(FingerprintAttribute, ReadsBackAsWritten) {
  const auto fingerprint = parse_fingerprint(kPrint);
  ASSERT_TRUE(fingerprint);
  EXPECT_EQ((*fingerprint)[0], std::byte{0xE1});
  EXPECT_EQ((*fingerprint)[31], std::byte{0xD1});
  EXPECT_EQ(write(*fingerprint).view(), kPrint);
  std::string small(kPrint);
  for (char& c : small) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(parse_fingerprint(small), fingerprint);
  EXPECT_TRUE(parse_fingerprint("SHA-256 " + small.substr(8)));
}

TEST(FingerprintAttribute, OthersAreRefused) {
  const std::string print(kPrint);
  for (const std::string& value :
       {std::string(), std::string("sha-256"), "sha-1" + print.substr(7), print.substr(0, print.size() - 1),
        print + ":00", print + "0", print.substr(0, 10) + "." + print.substr(11),
        print.substr(0, 8) + "G" + print.substr(9)})
    EXPECT_FALSE(parse_fingerprint(value)) << value;
}

TEST(SetupAttribute, AnswersLeaveTheHelloToThePeer) {
  EXPECT_EQ(parse_setup("actpass"), Setup::kActpass);
  EXPECT_EQ(parse_setup("ACTIVE"), Setup::kActive);
  EXPECT_FALSE(parse_setup("both"));
  EXPECT_FALSE(parse_setup(""));
  EXPECT_EQ(answer_to(Setup::kActpass), Setup::kPassive);
  EXPECT_EQ(answer_to(Setup::kActive), Setup::kPassive);
  EXPECT_EQ(answer_to(Setup::kPassive), Setup::kActive);
  EXPECT_EQ(answer_to(Setup::kHoldconn), std::nullopt);
}

TEST(IceAttributes, NamesAndPasswordsHaveLengthAndLetters) {
  EXPECT_TRUE(is_ice_ufrag("K0/0"));
  EXPECT_TRUE(is_ice_ufrag(std::string(256, 'a')));
  EXPECT_FALSE(is_ice_ufrag("K0/"));
  EXPECT_FALSE(is_ice_ufrag(std::string(257, 'a')));
  EXPECT_FALSE(is_ice_ufrag("K0:0"));
  EXPECT_FALSE(is_ice_ufrag("K0 00"));
  EXPECT_TRUE(is_ice_password("R7aNwZDtwf0Rv066GEa0UJ0b"));
  EXPECT_FALSE(is_ice_password(std::string(21, 'a')));
  EXPECT_FALSE(is_ice_password(std::string(257, 'a')));
}

TEST(CandidateAttribute, ReadsAddresses) {
  const auto host = parse_candidate("837723532 1 udp 2122194687 10.77.0.1 41234 typ host generation 0 network-id 1");
  ASSERT_TRUE(host);
  EXPECT_EQ(host->foundation, "837723532");
  EXPECT_EQ(host->priority, 2122194687u);
  EXPECT_EQ(host->endpoint, Endpoint::v4(10, 77, 0, 1, 41234));
  EXPECT_EQ(host->kind, Candidate::Kind::kHost);
  const auto reflexive =
      parse_candidate("a0+B/3 2 UDP 1 2001:db8::7 2348 typ srflx raddr 192.168.1.5 rport 2346 generation 2");
  ASSERT_TRUE(reflexive);
  EXPECT_EQ(reflexive->component, 2);
  EXPECT_EQ(reflexive->kind, Candidate::Kind::kServerReflexive);
  EXPECT_EQ(reflexive->endpoint, *Endpoint::parse("2001:db8::7", 2348));
  EXPECT_EQ(write(*reflexive).view(), "a0+B/3 2 udp 1 2001:db8::7 2348 typ srflx");
}

TEST(CandidateAttribute, WhatIsOfNoUseHasItsReason) {
  const auto error = [](std::string_view value) { return parse_candidate(value).error(); };
  EXPECT_EQ(error("0 1 UDP 2122252543 7bfbea1a-612a-4588-a3a8-82ebaa617526.local 40000 typ host"),
            CandidateError::kName);
  EXPECT_EQ(error("0 1 UDP 1 phone.example.com 40000 typ host"), CandidateError::kName);
  EXPECT_EQ(error("3 1 TCP 2105524479 10.0.0.1 9 typ host tcptype active"), CandidateError::kTransport);
  EXPECT_EQ(error("3 1 UDP 5 10.0.0.1 9 typ moon"), CandidateError::kKind);
  for (const char* value :
       {"", "1", "1 1 UDP 5 10.0.0.1 9 typ", "1 1 UDP 5 10.0.0.1 9 type host", "1 0 UDP 5 10.0.0.1 9 typ host",
        "1 257 UDP 5 10.0.0.1 9 typ host", "1 1 UDP 4294967296 10.0.0.1 9 typ host",
        "1 1 UDP 5 10.0.0.1 65536 typ host", "1 1 UDP -5 10.0.0.1 9 typ host",
        "123456789012345678901234567890123 1 UDP 5 10.0.0.1 9 typ host"})
    EXPECT_EQ(error(value), CandidateError::kSyntax) << value;
}

TEST(BundleAttribute, NamesItsMembers) {
  EXPECT_TRUE(is_bundled("BUNDLE 0 1 video", "video"));
  EXPECT_TRUE(is_bundled("BUNDLE  audio", "audio"));
  EXPECT_FALSE(is_bundled("BUNDLE 0 1", "2"));
  EXPECT_FALSE(is_bundled("LS 0 1", "0"));
  EXPECT_FALSE(is_bundled("BUNDLE 0 1", ""));
  EXPECT_EQ(first_of_bundle("BUNDLE 0 1"), "0");
  EXPECT_EQ(first_of_bundle("BUNDLE"), "");
  EXPECT_EQ(first_of_bundle("FID 1 2"), "");
}

// As a browser offers it: names at the media, the group above it, a candidate that hides behind mDNS.
constexpr std::string_view kOffer =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:high\r\n"
    "a=fingerprint:sha-1 00:11\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\n"
    "a=candidate:0 1 UDP 2122252543 7bfbea1a-612a-4588-a3a8-82ebaa617526.local 40000 typ host\r\n"
    "a=candidate:1 1 UDP 100 192.0.2.1 40001 typ srflx raddr 0.0.0.0 rport 0\r\n"
    "a=candidate:1 2 UDP 900 192.0.2.1 40002 typ srflx raddr 0.0.0.0 rport 0\r\n"
    "a=candidate:2 1 UDP 200 192.0.2.2 40003 typ relay raddr 0.0.0.0 rport 0\r\n"
    "a=ice-ufrag:I0Zf\r\na=ice-pwd:0cmDE3hiEvrYto/EMH6+y/I2\r\na=ice-options:trickle\r\n"
    "a=fingerprint:sha-256 "
    "E1:55:16:07:23:BF:EC:78:E4:33:63:01:FB:2D:7B:C4:27:00:BB:25:89:D5:BC:83:91:E9:EF:E6:B9:14:1C:D1\r\n"
    "a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n";

TEST(TransportTest, GathersWhatABrowserOffers) {
  const auto session = parse(kOffer);
  ASSERT_TRUE(session);
  const auto transport = transport_of(*session, session->media[0]);
  EXPECT_EQ(transport.ice_ufrag, "I0Zf");
  EXPECT_EQ(transport.ice_password, "0cmDE3hiEvrYto/EMH6+y/I2");
  EXPECT_EQ(transport.fingerprint, parse_fingerprint(kPrint));
  EXPECT_EQ(transport.setup, Setup::kActpass);
  EXPECT_TRUE(transport.has_rtcp_mux);
  EXPECT_FALSE(transport.is_ice_lite);
  EXPECT_EQ(transport.mid, "0");
  EXPECT_TRUE(is_bundled(transport.bundle, transport.mid));
  EXPECT_EQ(transport.candidates, 4);
  EXPECT_EQ(transport.candidates_unusable, 1);
  ASSERT_TRUE(transport.best);
  EXPECT_EQ(transport.best->endpoint, Endpoint::v4(192, 0, 2, 2, 40003));  // component 2 is RTCP's
}

// Firefox writes fingerprint, options and (older) ice-lite above the media.
TEST(TransportTest, SessionLevelHoldsForMediaWithoutItsOwn) {
  std::string text(kOffer);
  const auto media_at = text.find("m=audio");
  const auto head = text.substr(0, text.find("a=fingerprint:sha-1"));
  text = head + "a=ice-pwd:" + std::string(24, 'p') + "\r\na=ice-lite\r\na=" + "fingerprint:" + std::string(kPrint) +
         "\r\na=setup:active\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:alone\r\na=setup:passive\r\n";
  ASSERT_NE(media_at, std::string::npos);
  const auto session = parse(text);
  ASSERT_TRUE(session);
  const auto transport = transport_of(*session, session->media[0]);
  EXPECT_EQ(transport.ice_ufrag, "high");  // a name without a password is none: the pair of the session
  EXPECT_EQ(transport.ice_password, std::string(24, 'p'));
  EXPECT_TRUE(transport.is_ice_lite);
  EXPECT_EQ(transport.fingerprint, parse_fingerprint(kPrint));
  EXPECT_EQ(transport.setup, Setup::kPassive);
  EXPECT_FALSE(transport.best);
}

// Shared samples, which are no part of the repository: what Chromium and Firefox wrote, live.
TEST(TransportSamples, BrowsersAreUnderstood) {
  const char* root = std::getenv("CARILLON_CORPUS");
  const auto folder = std::filesystem::path(root ? root : CARILLON_SOURCE_DIR "/../shared/corpus") / "sdp";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << "no shared samples here";
  int seen = 0;
  for (const char* browser : {"chromium156_live", "firefox153_live"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / browser)) {
      if (entry.path().extension() != ".sdp") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(in)), {});
      const auto session = parse(text);
      if (!session) continue;
      for (const auto& media : session->media) {
        if (media.kind != "audio" || media.port == 0) continue;
        const auto transport = transport_of(*session, media);
        ++seen;
        EXPECT_TRUE(is_ice_ufrag(transport.ice_ufrag)) << entry.path();
        EXPECT_TRUE(is_ice_password(transport.ice_password)) << entry.path();
        EXPECT_TRUE(transport.fingerprint) << entry.path();
        EXPECT_TRUE(transport.setup && answer_to(*transport.setup)) << entry.path();
        EXPECT_TRUE(transport.has_rtcp_mux) << entry.path();
        EXPECT_FALSE(transport.mid.empty()) << entry.path();
      }
    }
  }
  EXPECT_GE(seen, 20);
}

}  // namespace
}  // namespace carillon::sdp
