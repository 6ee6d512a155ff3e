// SPDX-License-Identifier: MIT
#include "plugins/image-oci/blob_upload.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/fault.h"
#include "plugins/image-oci/retry.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kMostMounts = 3;

// The upload that the registry has opened for one blob.
class Upload {
 public:
  Upload(HttpClient& http, Registry& registry, const Descriptor& blob, int fd, BlobProgress& progress)
      : http_(http), registry_(registry), blob_(blob), fd_(fd), progress_(progress) {}

  // Opens it; a blob of another repository may be taken over instead: true.
  Result<bool> open(const std::string& from = {}) {
    HttpRequest request = registry_.request("POST", "/blobs/uploads/");
    std::string rights;
    if (!from.empty()) {
      request.url.target += "?mount=" + escape_query(blob_.digest) + "&from=" + escape_query(from);
      rights = "repository:" + from + ":pull";
    }
    const Url asked = request.url;
    const HttpResponse response = registry_.send(http_, std::move(request), true, rights);
    fault_point("image-oci: upload opened");
    if (!response.broken && response.status == 201 && !from.empty()) return true;
    if (response.broken || response.status != 202) return refused(response);
    RCRT_TRY(follow(asked, response));
    return false;
  }

  // All in one request.
  HttpResponse send_whole() {
    HttpRequest request = piece("PUT", 0, blob_.size);
    request.url = finished();
    return registry_.send(http_, std::move(request), false);
  }

  // Piece by piece. The answer to the last request, or to the first that went wrong.
  Result<HttpResponse> send_chunks(uint64_t chunk) {
    int tries = 0;
    while (sent_ < blob_.size) {
      const uint64_t size = std::min(chunk, blob_.size - sent_);
      HttpRequest request = piece("PATCH", sent_, size);
      request.headers.push_back("Content-Range: " + std::to_string(sent_) + "-" +
                                std::to_string(sent_ + size - 1));
      const Url asked = request.url;
      HttpResponse response = registry_.send(http_, std::move(request), false);
      fault_point("image-oci: piece pushed");
      if (!response.broken && response.status == 202) {
        RCRT_TRY(follow(asked, response));
        sent_ += size;
        tries = 0;
        continue;
      }
      if (++tries >= kTries || http_.stopped() || !is_worth_another_try(response)) return response;
      progress_.state = BlobState::retrying;
      http_.pause(back_off_milliseconds(tries, response));
      if (!ask_how_far()) return response;
    }
    HttpRequest last = registry_.request("PUT", "");
    last.url = finished();
    return registry_.send(http_, std::move(last), true);
  }

  std::unexpected<Error> refused(const HttpResponse& response) const {
    return registry_.failure(response, "cannot push to " + registry_.name() + " blob", blob_.digest);
  }

 private:
  Result<void> follow(const Url& asked, const HttpResponse& response) {
    const std::string location = response.header("location");
    if (location.empty()) return error("registry names no place to upload to", blob_.digest, {}, EBADMSG);
    RCRT_ASSIGN(url_, registry_.locate(asked, location));
    return {};
  }

  Url finished() const {
    Url url = url_;
    url.target +=
        (url.target.find('?') == std::string::npos ? "?digest=" : "&digest=") + escape_query(blob_.digest);
    return url;
  }

  HttpRequest piece(const std::string& method, uint64_t from, uint64_t size) {
    HttpRequest request = registry_.request(method, "");
    request.url = url_;
    request.headers = {"Content-Type: application/octet-stream"};
    request.upload_size = size;
    request.upload = [this, from, size](uint64_t offset, char* data, size_t room) -> Result<size_t> {
      const size_t wanted = static_cast<size_t>(std::min<uint64_t>(room, size - offset));
      if (wanted == 0) return 0;
      const ssize_t n = pread(fd_, data, wanted, static_cast<off_t>(from + offset));
      if (n < 0) return errno_error("cannot read blob", blob_.digest);
      if (n == 0) return error("damaged image, too little of blob", blob_.digest, "pull it again", EBADMSG);
      progress_.state = BlobState::uploading;
      progress_.current = from + offset + static_cast<uint64_t>(n);
      return static_cast<size_t>(n);
    };
    return request;
  }

  // After a break: what has arrived. False when the registry has forgotten the upload.
  bool ask_how_far() {
    HttpRequest request = registry_.request("GET", "");
    request.url = url_;
    const Url asked = request.url;
    const HttpResponse response = registry_.send(http_, std::move(request), true);
    if (response.broken || (response.status != 204 && response.status != 202)) return false;
    const std::string range = response.header("range");  // "0-1023"
    const size_t dash = range.find('-');
    uint64_t last = 0;
    if (dash == range.npos) return false;
    auto [end, code] = std::from_chars(range.data() + dash + 1, range.data() + range.size(), last);
    if (code != std::errc() || last >= blob_.size) return false;
    // "0-0" is said of nothing and of one byte alike; such a piece was never sent.
    sent_ = last == 0 ? 0 : last + 1;
    if (!response.header("location").empty() && !follow(asked, response)) return false;
    return true;
  }

  HttpClient& http_;
  Registry& registry_;
  const Descriptor& blob_;
  const int fd_;
  BlobProgress& progress_;
  Url url_;
  uint64_t sent_ = 0;
};

Result<bool> is_there(HttpClient& http, Registry& registry, const Descriptor& blob) {
  const HttpResponse response = registry.send(http, registry.request("HEAD", "/blobs/" + blob.digest));
  if (!response.broken && response.status == 200) return true;
  if (!response.broken && response.status == 404) return false;
  return registry.failure(response, "cannot push to", registry.name());
}

}  // namespace

Result<void> upload_blob(HttpClient& http, Registry& registry, const Descriptor& blob, int fd,
                         const std::vector<std::string>& elsewhere, uint64_t chunk, BlobProgress& progress) {
  RCRT_ASSIGN(const bool there, is_there(http, registry, blob));
  fault_point("image-oci: blob looked for");
  if (there) {
    progress.state = BlobState::present;
    return {};
  }
  for (int tries = 1;; ++tries) {
    Upload upload(http, registry, blob, fd, progress);
    bool open = false;
    for (size_t i = 0; tries == 1 && i < std::min(elsewhere.size(), kMostMounts) && !open; ++i) {
      auto mounted = upload.open(elsewhere[i]);
      if (!mounted) continue;  // it may not be ours to read there
      if (*mounted) {
        progress.state = BlobState::mounted;
        return {};
      }
      open = true;
    }
    if (!open) {
      auto opened = upload.open();
      if (!opened) return std::unexpected(std::move(opened).error());
    }
    progress.current = 0;
    progress.state = BlobState::uploading;
    HttpResponse response;
    if (blob.size <= chunk) {
      response = upload.send_whole();
    } else {
      RCRT_ASSIGN(response, upload.send_chunks(chunk));
    }
    fault_point("image-oci: blob pushed");
    if (!response.broken && response.status == 201) {
      progress.current = blob.size;
      progress.state = BlobState::done;
      return {};
    }
    if (tries == kTries || http.stopped() || !is_worth_another_try(response)) return upload.refused(response);
    progress.state = BlobState::retrying;
    http.pause(back_off_milliseconds(tries, response));
  }
}

}  // namespace rcrt::image_oci
