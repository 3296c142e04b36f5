#pragma once

#include <string>
#include <vector>

namespace carillon::io::dpdk {

/// Starts the EAL with these arguments (program name apart) and arms the grace period. Empty, or why not. The EAL can
/// be started once per process; a second call with the same arguments finds it running, other arguments are refused.
/// The calling thread keeps its affinity, which the EAL would narrow to its first core.
std::string start_eal(const std::vector<std::string>& arguments);

/// Joins the calling thread to the EAL, so that pools keep a cache for it. Once per thread is enough; without a free
/// place it runs on, slower.
void join_eal();

}  // namespace carillon::io::dpdk
