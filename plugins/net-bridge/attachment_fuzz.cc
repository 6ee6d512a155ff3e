// SPDX-License-Identifier: MIT
// What the plugin kept on disk, requests with a user's networks in them, and addresses.
#include <cstddef>
#include <cstdlib>

#include "plugins/net-bridge/config.h"

using namespace rcrt::bridge;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void address(const std::string& text) {
  if (auto parsed = Address::parse(text)) require(Address::parse(parsed->text()) == *parsed);
  auto subnet = Subnet::parse(text);
  if (!subnet) return;
  require(subnet->contains(subnet->base) && subnet->overlaps(*subnet));
  require(subnet->offset_of(subnet->at(subnet->count() - 1)) == subnet->count() - 1);
}

// Names become file names, links and elements of nft sets.
bool plain(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.find_first_of(std::string_view("/ \n\"\0", 5)) == name.npos;
}

// A member of a wrong type is thrown by the JSON library, and caught where plugins begin.
template <typename Function>
auto parsed(Function function, const Json& json)
    -> std::optional<typename decltype(function(json))::value_type> {
  try {
    if (auto value = function(json)) return *value;
  } catch (const Json::exception&) {
  }
  return std::nullopt;
}

void documents(const Json& json) {
  if (auto network = parsed(Network::from_json, json)) {
    require(plain(network->name) && plain(network->bridge) && network->bridge.size() < 16);
    require(Network::from_json(network->json()) == *network);
  }
  if (auto attachment = parsed(Attachment::from_json, json)) {
    require(plain(attachment->container) && plain(attachment->interface) && plain(attachment->host_link));
    require(parsed(Attachment::from_json, attachment->json()).has_value());
    (void)mac_text(mac_for(*attachment));
  }
  (void)parsed(parse_request, json);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  address(text);
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_discarded()) documents(json);
  return 0;
}
