#pragma once
// Every system call of one thread, caught: a seccomp filter on that thread alone makes the kernel send SIGSYS instead
// of doing what was asked. Clock reads by the vDSO are no system calls and pass.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

namespace carillon::steps {

/// What was caught since the last arm(): how many, and the first ones with the address that asked.
struct Caught {
  struct One {
    int number = -1;
    const void* at = nullptr;
  };
  std::atomic<std::uint32_t> count{0};
  std::array<One, 16> first{};
};
inline Caught caught;

inline void on_trap(int, siginfo_t* info, void* context) {
  const std::uint32_t index = caught.count.fetch_add(1);
  if (index < caught.first.size()) caught.first[index] = {info->si_syscall, info->si_call_addr};
#if defined(__x86_64__)
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;  // it was not done
#else
  static_cast<ucontext_t*>(context)->uc_mcontext.regs[0] = static_cast<unsigned long>(-ENOSYS);
#endif
}

/// Does the kernel let user space read the clock? Only by a counter that all cores share; else a read is a system call.
inline bool has_vdso_clock() {
  std::string name;
  std::ifstream("/sys/devices/system/clocksource/clocksource0/current_clocksource") >> name;
  return name == "tsc" || name == "kvm-clock" || name == "hyperv_clocksource_tsc_page" || name == "arch_sys_counter";
}

/// Catches from now on whatever the calling thread asks of the kernel, for the rest of its life; only leave() passes,
/// and the return from the handler. False: the kernel refuses filters.
///
/// clock_passes  clock_gettime is let through: where there is no has_vdso_clock()
inline bool arm(bool clock_passes) {
  struct sigaction action {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return false;
  caught.count = 0;
  caught.first = {};
  const auto clock = static_cast<unsigned>(clock_passes ? SYS_clock_gettime : SYS_exit);
  std::array<sock_filter, 6> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, clock, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0;
}

/// Ends a thread that arm() has caught: what the C library does at a thread's end is caught too.
[[noreturn]] inline void leave() {
  for (;;) ::syscall(SYS_exit, 0);
}

}  // namespace carillon::steps
