// SPDX-License-Identifier: MIT
// Named volumes: folders that outlive containers.
//
//   <root>/volumes/<name>/   volume.json  what it is; "fresh" until a container has used it
//                            _data        what containers see
//                            _copy        _data in the making, at the first use
//   <root>/volumes/.<...>    one in the making, or on its way out
//
// A volume appears and goes by one rename(2): killed at any moment, it is there or not.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "core/json.h"
#include "core/paths.h"

namespace rcrt {

struct Volume {
  std::string name;
  std::string data;  // the folder that is mounted
  int64_t created = 0;
  Json labels = Json::object();
  bool anonymous = false;
};

struct Owner {
  uid_t uid = 0;
  gid_t gid = 0;
};

class VolumeStore {
 public:
  explicit VolumeStore(const Paths& paths) : folder_(paths.root + "/volumes") {}

  // Where a volume's data is, whether it exists or not.
  std::string data(const std::string& name) const { return folder_ + "/" + name + "/_data"; }
  // ENOENT when there is none.
  Result<Volume> load(const std::string& name) const;
  // Sorted by name.
  std::vector<Volume> list() const;

  // One that exists is no error.
  Result<void> create(const std::string& name, bool anonymous = false, const Json& labels = Json::object());

  // Keeps a volume from being removed as long as the descriptor is open. One that nobody has used
  // yet is filled with what is in the folder `content`, or if that is -1 is given to `owner`.
  Result<UniqueFd> use(const std::string& name, int content, Owner owner = {});

  // ENOENT when there is none, EBUSY while a descriptor of use() is open.
  Result<void> remove(const std::string& name);

  // Deletes what killed processes left half made or half removed.
  Result<void> sweep();

 private:
  Result<void> fill(int volume, const std::string& name, int content) const;

  std::string folder_;
};

}  // namespace rcrt
