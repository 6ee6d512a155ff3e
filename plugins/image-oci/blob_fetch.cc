// SPDX-License-Identifier: MIT
#include "plugins/image-oci/blob_fetch.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/fault.h"
#include "plugins/image-oci/files.h"
#include "plugins/image-oci/retry.h"

namespace rcrt::image_oci {
namespace {

// So much news, and the tries that led nowhere are forgotten.
constexpr uint64_t kProgressBytes = 64 << 10;

// The first byte of "bytes 1000-1999/2000".
std::optional<uint64_t> range_start(const std::string& header) {
  constexpr std::string_view kUnit = "bytes ";
  if (!header.starts_with(kUnit)) return std::nullopt;
  uint64_t start = 0;
  auto [end, code] = std::from_chars(header.data() + kUnit.size(), header.data() + header.size(), start);
  if (code != std::errc() || end == header.data() + header.size() || *end != '-') return std::nullopt;
  return start;
}

// One transfer, from where the last one ended.
class Transfer {
 public:
  Transfer(const Descriptor& blob, BlobProgress& progress,
           const std::function<Result<void>(const char*, size_t)>& write, uint64_t have)
      : blob_(blob), progress_(progress), write_(write), have_(have) {}

  Result<void> begin(const HttpResponse& head) {
    if (head.status == 206) {
      if (range_start(head.header("content-range")) != have_)
        return error("registry sends another part than was asked for, of", blob_.digest, {}, EBADMSG);
    } else {
      skip_ = have_;  // it knows no ranges: the same again, from the beginning
      const std::string length = head.header("content-length");
      uint64_t size = 0;
      auto [end, code] = std::from_chars(length.data(), length.data() + length.size(), size);
      if (!length.empty() && (code != std::errc() || size != blob_.size))
        return error("registry sends another size than the manifest says, of", blob_.digest, {}, EBADMSG);
    }
    progress_.state = BlobState::downloading;
    return {};
  }

  Result<void> take(const char* data, size_t size) {
    if (skip_ > 0) {
      const size_t known = static_cast<size_t>(std::min<uint64_t>(skip_, size));
      skip_ -= known;
      data += known;
      size -= known;
    }
    if (size == 0) return {};
    if (have_ + size > blob_.size)
      return error("registry sends more than the manifest says, of", blob_.digest, {}, EFBIG);
    RCRT_TRY(write_(data, size));
    const bool first = have_ == 0;
    have_ += size;
    if (first) fault_point("image-oci: a download has begun");
    progress_.current = have_;
    return {};
  }

  uint64_t have() const { return have_; }

 private:
  const Descriptor& blob_;
  BlobProgress& progress_;
  const std::function<Result<void>(const char*, size_t)>& write_;
  uint64_t have_;
  uint64_t skip_ = 0;
};

}  // namespace

Result<void> fetch_blob(HttpClient& http, const std::vector<Registry*>& registries, const Descriptor& blob,
                        uint64_t have, BlobProgress& progress,
                        const std::function<Result<void>(const char*, size_t)>& write) {
  progress.current = have;
  progress.state = BlobState::downloading;
  size_t from = 0;
  int tries = 0;
  while (have < blob.size) {
    Registry& registry = *registries[from];
    Transfer transfer(blob, progress, write, have);
    HttpRequest request = registry.request("GET", "/blobs/" + blob.digest);
    if (have > 0) request.headers.push_back("Range: bytes=" + std::to_string(have) + "-");
    request.accept = [&](const HttpResponse& head) { return transfer.begin(head); };
    request.sink = [&](const char* data, size_t size) { return transfer.take(data, size); };
    const HttpResponse response = registry.send(http, request, false);

    const uint64_t news = transfer.have() - have;
    have = transfer.have();
    if (have == blob.size) break;
    const bool delivered = !response.broken && (response.status == 200 || response.status == 206);
    if (news >= kProgressBytes) tries = 0;
    if (++tries < kTries && !http.stopped() && (delivered || is_worth_another_try(response))) {
      progress.state = BlobState::retrying;
      http.pause(back_off_milliseconds(tries, response));
      continue;
    }
    // Nothing follows what came, it says when asked for the rest.
    constexpr int kNoSuchRange = 416;
    if (delivered || (!response.broken && response.status == kNoSuchRange))
      return error("registry sends less than the manifest says, of", blob.digest,
                   "what came is kept, pull again", EPROTO);
    // Our own failures (a full disk) are no better elsewhere.
    const bool theirs = !response.broken || response.transient;
    if (theirs && !http.stopped() && from + 1 < registries.size()) {
      ++from;
      tries = 0;
      continue;
    }
    if (response.broken && !response.transient && response.status != 0)
      return std::unexpected(response.failure);
    return registry.failure(response, "cannot fetch", blob.digest);
  }
  fault_point("image-oci: a download is complete");
  return {};
}

}  // namespace rcrt::image_oci
