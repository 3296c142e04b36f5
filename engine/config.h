#pragma once
// What the operator says in the engine's configuration file (TOML). Plain struct, defaults, a reason beside each.

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"

namespace carillon {

struct EngineConfig {
  struct Engine {
    std::string name = "engine";
    std::uint32_t shards = 1;          ///< threads that carry calls; one per core, less one for the kernel's work
    std::string data_dir = "data";     ///< journal, prompts and recordings
    std::uint32_t calls_max = 2000;    ///< legs in all; pools are made for them at start
    std::uint32_t calls_promised = 0;  ///< legs in all that are taken; 0: what --self-test found this box to hold
    bool pin = false;  ///< each shard to a core of its own: on a dedicated server, never beside other work
    std::vector<std::uint32_t> cores;  ///< which: shard i on the i-th, pinned; empty: by `pin`, shard i on core i
  } engine;
  struct Sip {
    std::string address = "127.0.0.1";  ///< loopback until someone decides otherwise
    std::uint16_t port = 5060;          ///< 0: any (one shard only)
    std::string advertised;             ///< in Via and Contact; empty: `address`
    std::string realm = "carillon";     ///< of the registrar's challenges
    bool offers_sha256 = false;  ///< to phones, above MD5; those on older libre (baresip 1.0) give up when they read it
  } sip;
  struct Rtp {
    std::string address;                 ///< empty: SIP's
    std::string advertised;              ///< in SDP; empty: SIP's advertised address, or `address`
    std::vector<std::string> addresses;  ///< further ones with the same ports, where 64k ports are too few
    std::uint16_t port_min = 20000, port_max = 29999;  ///< shared out among the shards
  } rtp;
  struct Io {
    std::string back_end = "auto";  ///< auto, uring, mmsg: the kernel's UDP; dpdk: past the kernel
  } io;
  struct Dpdk {                          ///< back_end "dpdk" only
    std::vector<std::string> eal;        ///< the EAL's arguments: "-a", "0000:3b:00.0"; or "--vdev=…"
    std::string port;                    ///< the device; empty: the only one the EAL finds
    std::vector<std::string> addresses;  ///< "192.0.2.10/24": ours on that wire, SIP's and RTP's among them
    std::string gateway, gateway_v6;     ///< empty: only neighbours are reached
    std::uint16_t vlan = 0;              ///< 0: untagged
    std::uint32_t mbufs = 65'536;        ///< frames in flight; 2.3 KB each, in hugepages
    std::string tap;  ///< an interface by which TCP and all we do not speak reaches the kernel; empty: dropped
  } dpdk;
  struct Link {
    std::string listen;                ///< "unix:PATH" or "tcp:IP:PORT"; empty: unix:DATA_DIR/engine.sock
    std::string certificate, key, ca;  ///< PEM files; TCP only, where both sides must show one
  } link;
  struct Record {
    std::uint32_t blocks = 1024;  ///< 32 KiB each, shared out among the shards
    bool sync =
        true;  ///< control hears of a recording when it is on the disk, names and all; false: written back later
  } record;

  /// The first fault as "field: reason", or empty.
  std::string fault() const;
};

/// Reads TOML text. The error is one line for the operator: "rtp.port_min: not a whole number between 0 and 65535".
/// An unknown key is an error too: a misspelt limit must not be silently without effect.
Result<EngineConfig, std::string> parse_config(const std::string& toml);

}  // namespace carillon
