// SPDX-License-Identifier: MIT
#include "plugins/image-oci/workers.h"

#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace rcrt::image_oci {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);

// Threads made while this lives have all signals blocked.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Result<void> run_workers(int count, const std::function<Result<void>()>& work,
                         const std::function<void()>& meanwhile) {
  std::mutex mutex;
  std::condition_variable ended;
  int running = 0;
  std::optional<Error> failure;
  auto one = [&] {
    Result<void> done;
    try {
      done = work();
    } catch (const std::bad_alloc&) {
      done = error("out of memory", {}, {}, ENOMEM);
    } catch (const std::exception& thrown) {
      done = error("unexpected failure", thrown.what(), {}, EIO);
    }
    const std::lock_guard held(mutex);
    if (!done && !failure) failure = std::move(done).error();
    --running;
    ended.notify_one();
  };
  std::vector<std::thread> threads;
  {
    const NoSignals blocked;
    for (int i = 0; i < count; ++i) {
      {
        const std::lock_guard held(mutex);
        ++running;
      }
      try {
        threads.emplace_back(one);
      } catch (const std::system_error&) {
        const std::lock_guard held(mutex);
        --running;
        if (threads.empty()) failure = Error{"cannot start a thread", {}, EAGAIN, {}, {}, 125};
        break;
      }
    }
  }
  while (true) {
    {
      std::unique_lock held(mutex);
      if (ended.wait_for(held, kPause, [&] { return running == 0; })) break;
    }
    meanwhile();
  }
  for (std::thread& thread : threads) thread.join();
  meanwhile();
  if (failure) return std::unexpected(std::move(*failure));
  return {};
}

void run_beside(const std::function<void()>& work, const std::function<void()>& here) {
  std::optional<std::thread> thread;
  {
    const NoSignals blocked;
    thread.emplace(work);
  }
  try {
    here();
  } catch (...) {
    thread->join();
    throw;
  }
  thread->join();
}

}  // namespace rcrt::image_oci
