#include "engine/net/config.h"

#include "engine/net/address.h"

namespace carillon::net {
namespace {

bool is_on_link(const StackConfig& config, const Address& address) {
  if (!address.is_v4() && address.is_link_local()) return true;
  for (const LocalAddress& local : config.addresses)
    if (Address::of(local.address).shares_prefix(address, local.prefix)) return true;
  return false;
}

std::string fault_of(const LocalAddress& local) {
  const Address address = Address::of(local.address);
  if (local.address.is_v6 && address.is_v4()) return "addresses: an IPv4 address written as IPv6";
  if (address.is_unspecified() || address.is_martian_source()) return "addresses: not the address of a host";
  if (local.prefix == 0 || local.prefix > (local.address.is_v6 ? 128 : 32))
    return "addresses: prefix: 1 to 32, or to 128 for IPv6";
  return {};
}

}  // namespace

std::string StackConfig::fault() const {
  if (addresses.empty() || addresses.size() >= kAddressesMax) return "addresses: 1 to 15";
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (auto fault = fault_of(addresses[i]); !fault.empty()) return fault;
    for (std::size_t j = 0; j < i; ++j)
      if (addresses[i].address.same_address(addresses[j].address)) return "addresses: one is there twice";
  }
  if (gateway_v4.is_v6) return "gateway_v4: not an IPv4 address";
  if (!gateway_v4.is_unspecified() && !is_on_link(*this, Address::of(gateway_v4)))
    return "gateway_v4: on none of our networks";
  if (!gateway_v6.is_unspecified() && (!gateway_v6.is_v6 || !is_on_link(*this, Address::of(gateway_v6))))
    return "gateway_v6: on none of our networks";
  if (vlan && (*vlan == 0 || *vlan > 4094)) return "vlan: 1 to 4094";
  if (sockets_max == 0 || sockets_max > 1u << 20) return "sockets_max: 1 to 1048576";
  if (neighbours_max < 4 || neighbours_max > 32768) return "neighbours_max: 4 to 32768";
  if (pending_max == 0 || pending_max > 65535) return "pending_max: 1 to 65535";
  if (batch == 0 || batch > 4096) return "batch: 1 to 4096";
  if (shards == 0 || shards > 64) return "shards: 1 to 64";
  if (shard >= shards) return "shard: less than shards";
  if (kernel_shard && *kernel_shard >= shards) return "kernel_shard: less than shards";
  if (port_block_bits > 15) return "port_block_bits: at most 15";
  if (port_block_bits != 0 && port_block_first + (std::uint64_t{shards} << port_block_bits) > 65536)
    return "port_block_first: the last block ends beyond 65535";
  if (port_block_bits != 0 && port_block_first == 0) return "port_block_first: 1 or more";
  if (kernel_poll <= Duration{0}) return "kernel_poll: more than 0";
  return {};
}

}  // namespace carillon::net
