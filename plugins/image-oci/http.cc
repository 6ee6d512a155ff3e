// SPDX-License-Identifier: MIT
#include "plugins/image-oci/http.h"

#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/version.h"
#include "plugins/image-oci/certificates.h"

namespace rcrt::image_oci {
namespace {

constexpr size_t kMostHeaderBytes = 256 << 10;
constexpr long kConnectSeconds = 15;
constexpr long kStallSeconds = 30;  // less than a byte a second for so long is a broken transfer

// One exchange, as libcurl's callbacks see it. Nothing they call lets an exception out.
struct Exchange {
  const HttpRequest& request;
  HttpResponse& response;
  const std::atomic<bool>* stop;
  size_t header_bytes = 0;
  uint64_t uploaded = 0;
  bool accepted = false;
  bool failed = false;  // by what we did ourselves: response.failure says it

  size_t fail(Error error) {
    failed = true;
    response.failure = std::move(error);
    return 0;
  }

  size_t header(const char* data, size_t size) {
    std::string_view line(data, size);
    header_bytes += size;
    if (header_bytes > kMostHeaderBytes)
      return fail({"too many headers from", request.url.authority(), EMSGSIZE, {}, {}, 125});
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {  // a new answer, perhaps after "100 Continue"
      response.headers.clear();
      return size;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos) return size;
    std::string name(line.substr(0, colon));
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    response.headers.emplace_back(std::move(name), value);
    return size;
  }

  size_t body(const char* data, size_t size) {
    const bool good = response.status == 200 || response.status == 206;
    if (good && !accepted) {
      accepted = true;
      if (request.accept)
        if (auto taken = request.accept(response); !taken) return fail(taken.error());
    }
    if (good && request.sink) {
      auto taken = request.sink(data, size);
      return taken ? size : fail(taken.error());
    }
    if (response.body.size() + size > request.largest_body)
      return fail({"answer too large from", request.url.authority(), EMSGSIZE, {}, {}, 125});
    response.body.append(data, size);
    return size;
  }
};

template <typename Function>
size_t contained(Exchange* exchange, Function function) noexcept {
  try {
    return function();
  } catch (...) {
    exchange->failed = true;
    exchange->response.failure.code = ENOMEM;
    return 0;
  }
}

bool is_transient(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

std::vector<std::string> HttpResponse::all_headers(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : headers)
    if (key == name) values.push_back(value);
  return values;
}

Result<HttpClient> HttpClient::make(const std::atomic<bool>* stop) {
  HttpClient client;
  RCRT_ASSIGN(client.curl_, curl_library());
  client.handle_ = client.curl_->init();
  if (client.handle_ == nullptr) return error("cannot initialise libcurl", {}, {}, ENOMEM);
  client.stop_ = stop;
  return client;
}

HttpClient::HttpClient(HttpClient&& other) noexcept
    : curl_(other.curl_), handle_(std::exchange(other.handle_, nullptr)), stop_(other.stop_) {}

HttpClient::~HttpClient() {
  if (handle_ != nullptr) curl_->cleanup(handle_);
}

void HttpClient::pause(int milliseconds) const {
  for (; milliseconds > 0 && !stopped(); milliseconds -= 50) {
    const timespec slice{0, std::min(milliseconds, 50) * 1'000'000L};
    nanosleep(&slice, nullptr);
  }
}

HttpResponse HttpClient::send(const HttpRequest& request) {
  HttpResponse response;
  Exchange exchange{request, response, stop_};
  auto set = [this](CURLoption option, auto value) { curl_->setopt(handle_, option, value); };
  curl_->reset(handle_);  // keeps the connection

  char text[CURL_ERROR_SIZE] = "";
  set(CURLOPT_ERRORBUFFER, &text[0]);
  const std::string url = request.url.text();
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_USERAGENT, "rcrt/" RCRT_VERSION);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  set(CURLOPT_BUFFERSIZE, 256L << 10);
  set(CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);

  const Certificates certificates = find_certificates(request.tls.certs_dirs, request.url);
  if (request.url.scheme == "https") {
    set(CURLOPT_SSL_VERIFYPEER, request.tls.verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, request.tls.verify ? 2L : 0L);
    // Its hashed folder holds what the one big file does, which takes 15 ms to read.
    if (!system_certificates().empty()) {
      set(CURLOPT_CAPATH, system_certificates().c_str());
      set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
    } else {
      // A machine without the file has nobody it trusts; libcurl would not even begin.
      const char* file = nullptr;
      curl_->getinfo(handle_, CURLINFO_CAINFO, &file);
      if (file != nullptr && access(file, R_OK) != 0) set(CURLOPT_CAINFO, static_cast<char*>(nullptr));
    }
    curl_blob authorities{const_cast<char*>(certificates.authorities.data()), certificates.authorities.size(),
                          CURL_BLOB_COPY};
    if (!certificates.authorities.empty()) set(CURLOPT_CAINFO_BLOB, &authorities);
    if (!certificates.client_certificate.empty()) {
      set(CURLOPT_SSLCERT, certificates.client_certificate.c_str());
      set(CURLOPT_SSLKEY, certificates.client_key.c_str());
    }
  }

  curl_slist* headers = nullptr;
  for (const std::string& header : request.headers) headers = curl_->slist_append(headers, header.c_str());
  headers = curl_->slist_append(headers, "Expect:");
  set(CURLOPT_HTTPHEADER, headers);

  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.upload) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_size));
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_READDATA, &exchange);
    set(
        CURLOPT_READFUNCTION, +[](char* data, size_t size, size_t count, void* context) -> size_t {
          auto* self = static_cast<Exchange*>(context);
          bool bad = true;
          const size_t given = contained(self, [&]() -> size_t {
            auto got = self->request.upload(self->uploaded, data, size * count);
            if (!got) return self->fail(got.error());
            bad = false;
            self->uploaded += *got;
            return *got;
          });
          return bad ? CURL_READFUNC_ABORT : given;
        });
  } else if (request.method != "GET") {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  set(CURLOPT_HEADERDATA, &exchange);
  set(
      CURLOPT_HEADERFUNCTION, +[](char* data, size_t size, size_t count, void* context) -> size_t {
        auto* self = static_cast<Exchange*>(context);
        return contained(self, [&] { return self->header(data, size * count); });
      });
  struct Body {
    Exchange& exchange;
    const CurlLibrary& curl;
    CURL* handle;
  } body{exchange, *curl_, handle_};
  set(CURLOPT_WRITEDATA, &body);
  set(
      CURLOPT_WRITEFUNCTION, +[](char* data, size_t size, size_t count, void* context) -> size_t {
        auto* self = static_cast<Body*>(context);
        long status = 0;
        self->curl.getinfo(self->handle, CURLINFO_RESPONSE_CODE, &status);
        self->exchange.response.status = static_cast<int>(status);
        return contained(&self->exchange, [&] { return self->exchange.body(data, size * count); });
      });
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFODATA, &exchange);
  set(
      CURLOPT_XFERINFOFUNCTION, +[](void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> int {
        auto* self = static_cast<Exchange*>(context);
        return self->stop != nullptr && self->stop->load() ? 1 : 0;
      });

  const CURLcode code = curl_->perform(handle_);
  curl_->slist_free_all(headers);
  long status = 0;
  curl_->getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  if (code == CURLE_OK) return response;

  response.broken = true;
  if (exchange.failed) return response;
  response.unreachable =
      code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_OPERATION_TIMEDOUT;
  const std::string_view said = text[0] != '\0' ? text : curl_->strerror(code);
  response.not_tls = code == CURLE_SSL_CONNECT_ERROR && said.find("wrong version number") != said.npos;
  response.transient = is_transient(code) && !response.not_tls;
  response.failure.what = "cannot reach registry";
  response.failure.object = request.url.authority();
  response.failure.cause = said;
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
    response.failure.hint = "put its authority into /etc/containers/certs.d/" + request.url.authority() +
                            "/ca.crt, or use --tls-verify=false if you trust the network";
  else if (response.not_tls)
    response.failure.hint = "it does not speak TLS; --tls-verify=false allows plain HTTP";
  return response;
}

}  // namespace rcrt::image_oci
