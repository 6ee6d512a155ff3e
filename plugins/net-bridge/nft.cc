// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/nft.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>

#include <utility>

#include "base/bind_symbol.h"
#include "base/result.h"
#include "plugins/net-bridge/ruleset.h"

namespace rcrt::bridge {
namespace {

// The functions of libnftables that are used, found once a process.
struct Library {
  decltype(&nft_ctx_new) ctx_new = nullptr;
  decltype(&nft_ctx_free) ctx_free = nullptr;
  decltype(&nft_ctx_set_dry_run) set_dry_run = nullptr;
  decltype(&nft_ctx_output_set_flags) set_flags = nullptr;
  decltype(&nft_ctx_buffer_output) buffer_output = nullptr;
  decltype(&nft_ctx_get_output_buffer) output = nullptr;
  decltype(&nft_ctx_buffer_error) buffer_error = nullptr;
  decltype(&nft_ctx_get_error_buffer) error = nullptr;
  decltype(&nft_run_cmd_from_buffer) run = nullptr;
  std::string problem;
};

const Library& library() {
  static const Library loaded = [] {
    Library l;
    void* handle = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) {
      const char* text = dlerror();
      l.problem = text != nullptr ? text : "libnftables.so.1";
      return l;
    }
    auto find = [&](auto& function, const char* name) {
      if (!bind_symbol(handle, name, function)) l.problem = std::string("libnftables.so.1 has no ") + name;
    };
    find(l.ctx_new, "nft_ctx_new");
    find(l.ctx_free, "nft_ctx_free");
    find(l.set_dry_run, "nft_ctx_set_dry_run");
    find(l.set_flags, "nft_ctx_output_set_flags");
    find(l.buffer_output, "nft_ctx_buffer_output");
    find(l.output, "nft_ctx_get_output_buffer");
    find(l.buffer_error, "nft_ctx_buffer_error");
    find(l.error, "nft_ctx_get_error_buffer");
    find(l.run, "nft_run_cmd_from_buffer");
    return l;
  }();
  return loaded;
}

nft_ctx* context(void* raw) { return static_cast<nft_ctx*>(raw); }

std::string first_line(const char* text) {
  std::string line(text == nullptr ? "" : text);
  return line.substr(0, line.find('\n'));
}

Message netfilter_message(int type, int flags, uint8_t family) {
  Message message(NFNL_SUBSYS_NFTABLES << 8 | type, flags);
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  message.header(&header, sizeof header);
  return message;
}

Attributes answer(const nlmsghdr* header) {
  size_t offset = NLMSG_SPACE(sizeof(nfgenmsg));
  if (header->nlmsg_len < offset) return {nullptr, 0};
  return {reinterpret_cast<const char*>(header) + offset, header->nlmsg_len - offset};
}

uint64_t handle_in(const Attributes& attributes) {
  std::string_view bytes = attributes.bytes(NFTA_TABLE_HANDLE);
  uint64_t handle = 0;
  for (unsigned char byte : bytes) handle = handle << 8 | byte;
  return handle;
}

std::string family_name(uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_BRIDGE:
      return "bridge";
    case NFPROTO_NETDEV:
      return "netdev";
    default:
      return "";
  }
}

// Our table of a family; the errno value.
Expected<int> ask_for_table(Netlink& netfilter, uint8_t family, std::optional<uint64_t>& handle) {
  Message message = netfilter_message(NFT_MSG_GETTABLE, 0, family);
  message.put(NFTA_TABLE_NAME, std::string_view(kTable));
  return netfilter.query(std::move(message),
                         [&](const nlmsghdr* header) { handle = handle_in(answer(header)); });
}

}  // namespace

Expected<Nft> Nft::load() {
  const Library& l = library();
  if (!l.problem.empty())
    return sdk::fail(ENOPKG, "cannot load nftables' library", l.problem, "install the package libnftables1");
  Nft nft;
  nft.context_ = l.ctx_new(NFT_CTX_DEFAULT);
  if (nft.context_ == nullptr) return sdk::fail(EIO, "cannot start nftables' library", {}, "run as root");
  if (l.buffer_output(context(nft.context_)) != 0 || l.buffer_error(context(nft.context_)) != 0)
    return sdk::fail(ENOMEM, "cannot start nftables' library");
  return nft;
}

Nft::Nft(Nft&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Nft::~Nft() {
  if (context_ != nullptr) library().ctx_free(context(context_));
}

Status Nft::run(const std::string& commands) {
  const Library& l = library();
  errno = 0;
  if (l.run(context(context_), commands.c_str()) == 0) {
    (void)l.output(context(context_));  // fetching empties the buffer
    return {};
  }
  int code = errno != 0 ? errno : EIO;
  return sdk::fail(code, "nftables refused a transaction", first_line(l.error(context(context_))),
                   code == EPERM ? "run as root" : "see rcrt doctor");
}

Status Nft::check(const std::string& commands) {
  library().set_dry_run(context(context_), true);
  Status status = run(commands);
  library().set_dry_run(context(context_), false);
  return status;
}

Expected<std::string> Nft::list(Format format) {
  const Library& l = library();
  l.set_flags(context(context_), format == Format::json ? NFT_CTX_OUTPUT_JSON : 0);
  int code = l.run(context(context_), "list ruleset");
  const char* text = l.output(context(context_));
  std::string output(text == nullptr ? "" : text);
  l.set_flags(context(context_), 0);
  const char* remarks = l.error(context(context_));
  std::string notes(remarks == nullptr ? "" : remarks);
  if (code != 0) return sdk::fail(EIO, "cannot list the ruleset", first_line(notes.c_str()));
  // Which tables belong to iptables-nft comes as a comment beside the listing.
  if (format == Format::text && notes.starts_with("#")) output.insert(0, notes);
  return output;
}

Expected<std::optional<uint64_t>> table_handle(Netlink& netfilter) {
  std::optional<uint64_t> handle;
  RCRT_ASSIGN(int code, ask_for_table(netfilter, NFPROTO_INET, handle));
  if (code == ENOENT) return std::nullopt;
  if (code != 0)
    return sdk::fail(code, "cannot ask for nftables' table", kTable,
                     code == EPERM ? "run as root" : "this kernel may lack nf_tables");
  return handle;
}

bool has_bridge_table(Netlink& netfilter) {
  std::optional<uint64_t> handle;
  auto code = ask_for_table(netfilter, NFPROTO_BRIDGE, handle);
  return code && *code == 0;
}

Expected<std::vector<Table>> all_tables(Netlink& netfilter) {
  std::vector<Table> tables;
  Message message = netfilter_message(NFT_MSG_GETTABLE, NLM_F_DUMP, NFPROTO_UNSPEC);
  RCRT_ASSIGN(int code, netfilter.query(std::move(message), [&](const nlmsghdr* header) {
    Attributes attributes = answer(header);
    const auto* info = static_cast<const nfgenmsg*>(NLMSG_DATA(header));
    tables.push_back(
        {family_name(info->nfgen_family), attributes.text(NFTA_TABLE_NAME), handle_in(attributes)});
  }));
  if (code != 0) return sdk::fail(code, "cannot list nftables' tables");
  return tables;
}

Expected<uint32_t> generation(Netlink& netfilter) {
  uint32_t id = 0;
  Message message = netfilter_message(NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC);
  RCRT_ASSIGN(int code, netfilter.query(std::move(message), [&](const nlmsghdr* header) {
    id = ntohl(answer(header).u32(NFTA_GEN_ID));
  }));
  if (code != 0) return sdk::fail(code, "cannot ask for the ruleset's generation");
  return id;
}

}  // namespace rcrt::bridge
