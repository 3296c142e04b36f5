#include "tests/bench/far/neighbour.h"

#include <rte_arp.h>
#include <rte_byteorder.h>

namespace carillon::bench {
namespace {

constexpr std::size_t kSize = sizeof(rte_ether_hdr) + sizeof(rte_arp_hdr);
static_assert(kSize == 42);
constexpr rte_ether_addr kEverybody = {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};

}  // namespace

void Neighbour::take(DpdkPort& port, Bytes frame) {
  if (frame.size() < kSize || read16(frame.data() + 12) != RTE_ETHER_TYPE_ARP) return;
  const auto* arp = reinterpret_cast<const rte_arp_hdr*>(frame.data() + sizeof(rte_ether_hdr));
  const std::uint32_t sender = rte_be_to_cpu_32(arp->arp_data.arp_sip),
                      wanted = rte_be_to_cpu_32(arp->arp_data.arp_tip);
  if (sender == options_.engine) engine_is_heard_ = true;
  if (arp->arp_opcode == rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) && plan_.is_ours(wanted))
    send(port, RTE_ARP_OP_REPLY, wanted, arp->arp_data.arp_sha, sender);
}

void Neighbour::run_due(DpdkPort& port, Tsc now) {
  if (engine_is_heard_ || options_.engine == 0 || now < due_) return;
  due_ = now + pause_;
  send(port, RTE_ARP_OP_REQUEST, options_.address_first, kEverybody, options_.engine);
}

void Neighbour::send(DpdkPort& port, std::uint16_t operation, std::uint32_t own, const rte_ether_addr& to,
                     std::uint32_t peer) {
  rte_mbuf* frame = port.make(kSize);
  if (!frame) return;
  auto* ether = rte_pktmbuf_mtod(frame, rte_ether_hdr*);
  ether->dst_addr = to;
  ether->src_addr = mac_;
  ether->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
  auto* arp = reinterpret_cast<rte_arp_hdr*>(ether + 1);
  arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
  arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  arp->arp_hlen = 6;
  arp->arp_plen = 4;
  arp->arp_opcode = rte_cpu_to_be_16(operation);
  arp->arp_data.arp_sha = mac_;
  arp->arp_data.arp_sip = rte_cpu_to_be_32(own);
  arp->arp_data.arp_tha = operation == RTE_ARP_OP_REQUEST ? rte_ether_addr{} : to;
  arp->arp_data.arp_tip = rte_cpu_to_be_32(peer);
  port.send(frame);
}

}  // namespace carillon::bench
