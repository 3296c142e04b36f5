#include "engine/io/dpdk/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>

#include <mutex>

#include "engine/io/dpdk/grace.h"

namespace carillon::io::dpdk {
namespace {

/// The EAL is one per process, whoever starts it.
struct Running {
  std::mutex mutex;
  std::vector<std::string> arguments;
  bool is_started = false;
};

Running& running() {
  static Running one;
  return one;
}

std::string hint() {
  if (rte_errno == EACCES || rte_errno == EPERM) return "no rights: root, or access to hugepages and /dev/vfio";
  if (rte_errno == ENOMEM) return "too few hugepages (firmware/tune --check)";
  return rte_strerror(rte_errno);
}

std::string init(const std::vector<std::string>& arguments) {
  std::vector<std::string> own{"carillon-engine", "--no-telemetry", "--log-level=notice"};
  own.insert(own.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& word : own) words.push_back(word.data());
  cpu_set_t before;
  const bool has_affinity = ::sched_getaffinity(0, sizeof before, &before) == 0;
  const int taken = rte_eal_init(static_cast<int>(words.size()), words.data());
  if (has_affinity) ::sched_setaffinity(0, sizeof before, &before);
  if (taken < 0) return "dpdk.eal: " + hint();
  guard_interrupt_thread();
  return {};
}

}  // namespace

std::string start_eal(const std::vector<std::string>& arguments) {
  Running& eal = running();
  std::lock_guard lock(eal.mutex);
  if (eal.is_started) return eal.arguments == arguments ? "" : "dpdk.eal: already started with other arguments";
  std::string fault = init(arguments);
  if (!fault.empty()) return fault;
  eal.is_started = true;
  eal.arguments = arguments;
  return {};
}

void join_eal() {
  if (rte_lcore_id() == LCORE_ID_ANY) (void)rte_thread_register();
}

}  // namespace carillon::io::dpdk
