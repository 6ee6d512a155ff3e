// SPDX-License-Identifier: MIT
#include "plugins/net-bridge/forward_rules.h"

#include <algorithm>
#include <set>

#include "plugins/net-bridge/ruleset.h"

namespace rcrt::bridge {
namespace {

// What a rule does to a container's packet on its way out or in.
enum class Answer { no, maybe, yes };

std::string text_of(const Json& object, const char* member) {
  auto it = object.is_object() ? object.find(member) : object.end();
  return object.is_object() && it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

const Json& member_of(const Json& object, const char* member) {
  static const Json none;
  if (!object.is_object()) return none;
  auto it = object.find(member);
  return it == object.end() ? none : *it;
}

bool names_bridge(const std::string& pattern, const std::vector<Network>& networks) {
  bool prefix = pattern.ends_with('*');
  return std::any_of(networks.begin(), networks.end(), [&](const Network& network) {
    return prefix ? network.bridge.starts_with(pattern.substr(0, pattern.size() - 1))
                  : network.bridge == pattern;
  });
}

Answer covers(const Json& value, const std::vector<Network>& networks) {
  std::string text;
  if (value.is_string()) {
    auto address = Address::parse(value.get<std::string>());
    if (address) text = address->text() + "/" + std::to_string(address->bits());
  } else if (const Json& prefix = member_of(value, "prefix"); prefix.is_object()) {
    const Json& length = member_of(prefix, "len");
    text = text_of(prefix, "addr") + "/" +
           (length.is_number_unsigned() ? std::to_string(length.get<unsigned>()) : "");
  }
  auto subnet = Subnet::parse(text);
  if (!subnet) return Answer::maybe;
  for (const Network& network : networks)
    for (const Range* range : {&network.v4, &network.v6})
      if (range->subnet.valid() && range->subnet.overlaps(*subnet)) return Answer::yes;
  return Answer::no;
}

// One match of a rule against a new connection from or to a container.
Answer applies(const Json& match, const std::vector<Network>& networks) {
  const Json& left = member_of(match, "left");
  const Json& right = member_of(match, "right");
  std::string op = text_of(match, "op");
  Answer answer = Answer::maybe;
  if (std::string key = text_of(member_of(left, "meta"), "key");
      key == "iifname" || key == "oifname" || key == "iif" || key == "oif") {
    if (right.is_string())
      answer = names_bridge(right.get<std::string>(), networks) ? Answer::yes : Answer::no;
  } else if (text_of(member_of(left, "ct"), "key") == "state") {
    bool is_new = right.is_string()
                      ? right == "new"
                      : right.is_array() && std::find(right.begin(), right.end(), "new") != right.end();
    if (right.is_string() || right.is_array()) answer = is_new ? Answer::yes : Answer::no;
  } else if (std::string field = text_of(member_of(left, "payload"), "field");
             field == "saddr" || field == "daddr") {
    answer = covers(right, networks);
  }
  // "not the bridge": the other direction's packets match it.
  if (op == "!=" && answer != Answer::maybe) return Answer::yes;
  return answer;
}

struct Chain {
  std::vector<const Json*> rules;
};

struct Ruleset {
  std::vector<const Json*> bases;  // forward chains
  std::vector<std::pair<std::string, Chain>> chains;

  const Chain* find(const std::string& key) const {
    for (const auto& [name, chain] : chains)
      if (name == key) return &chain;
    return nullptr;
  }
};

std::string key_of(const Json& object, const std::string& chain) {
  return text_of(object, "family") + " " + text_of(object, "table") + " " + chain;
}

Ruleset index(const Json& ruleset) {
  Ruleset result;
  const Json& entries = member_of(ruleset, "nftables");
  if (!entries.is_array()) return result;
  for (const Json& entry : entries) {
    if (const Json& chain = member_of(entry, "chain"); chain.is_object()) {
      result.chains.emplace_back(key_of(chain, text_of(chain, "name")), Chain{});
      std::string family = text_of(chain, "family");
      bool ours = family == "inet" && text_of(chain, "table") == kTable;
      bool sees_us = family == "ip" || family == "ip6" || family == "inet";
      if (text_of(chain, "hook") == "forward" && sees_us && !ours) result.bases.push_back(&chain);
    } else if (const Json& rule = member_of(entry, "rule"); rule.is_object()) {
      std::string key = key_of(rule, text_of(rule, "chain"));
      for (auto& [name, chain] : result.chains)
        if (name == key) chain.rules.push_back(&rule);
    }
  }
  return result;
}

class Walk {
 public:
  Walk(const Ruleset& ruleset, const std::vector<Network>& networks)
      : ruleset_(ruleset), networks_(networks) {}

  std::vector<Drop> drops;

  // True when every packet of ours has its verdict in this chain.
  bool chain(const Json& base, const std::string& name, Answer certain) {
    std::string key = key_of(base, name);
    if (!seen_.insert(key).second) return false;
    const Chain* chain = ruleset_.find(key);
    if (chain == nullptr) return false;
    for (const Json* rule : chain->rules)
      if (this->rule(base, name, *rule, certain)) return true;
    return false;
  }

 private:
  bool rule(const Json& base, const std::string& chain_name, const Json& rule, Answer certain) {
    const Json& expressions = member_of(rule, "expr");
    if (!expressions.is_array()) return false;
    Answer matches = certain;
    bool plain = true;  // no match at all: every packet
    for (const Json& expression : expressions) {
      if (!expression.is_object()) continue;
      if (const Json& match = member_of(expression, "match"); match.is_object()) {
        plain = false;
        Answer one = applies(match, networks_);
        if (one == Answer::no) return false;
        if (one == Answer::maybe) matches = Answer::maybe;
      } else if (expression.contains("xt") || expression.contains("limit") || expression.contains("quota")) {
        matches = Answer::maybe;
      } else if (expression.contains("drop") || expression.contains("reject")) {
        if (matches == Answer::yes) {
          const Json& handle = member_of(rule, "handle");
          drops.push_back(
              {"table " + text_of(base, "family") + " " + text_of(base, "table") + ", chain " + chain_name,
               "the rule with handle " +
                   (handle.is_number_unsigned() ? std::to_string(handle.get<uint64_t>()) : "?") +
                   (expression.contains("drop") ? " (drop)" : " (reject)")});
        }
        return plain && certain == Answer::yes;
      } else if (expression.contains("accept")) {
        return plain && certain == Answer::yes;
      } else {
        for (const char* kind : {"jump", "goto"}) {
          std::string target = text_of(member_of(expression, kind), "target");
          if (!target.empty() && chain(base, target, matches)) return plain;
        }
      }
    }
    return false;
  }

  const Ruleset& ruleset_;
  const std::vector<Network>& networks_;
  std::set<std::string> seen_;
};

}  // namespace

std::vector<Drop> forward_drops(const Json& ruleset, const std::vector<Network>& networks) {
  std::vector<Drop> drops;
  Ruleset known = index(ruleset);
  for (const Json* base : known.bases) {
    std::string name = text_of(*base, "name");
    Walk walk(known, networks);
    bool decided = walk.chain(*base, name, Answer::yes);
    drops.insert(drops.end(), walk.drops.begin(), walk.drops.end());
    if (!decided && text_of(*base, "policy") == "drop")
      drops.push_back(
          {"table " + text_of(*base, "family") + " " + text_of(*base, "table") + ", chain " + name,
           "its policy drop, unless a rule of the chain accepts them"});
  }
  return drops;
}

}  // namespace rcrt::bridge
