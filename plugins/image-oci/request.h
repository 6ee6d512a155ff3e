// SPDX-License-Identifier: MIT
// What the verbs' requests and answers have in common.
#pragma once

#include <rcrt/plugin.hpp>

#include "base/result.h"
#include "plugins/image-oci/blob_progress.h"
#include "plugins/image-oci/limits.h"
#include "plugins/image-oci/store.h"

namespace rcrt::image_oci {

sdk::Status failed(const Error& error);
// The request's "limits", the default where it says nothing.
Limits limits_of(const sdk::Json& request);
// Empty when nobody listens. Lives as long as the call.
ProgressSink sink_of(const sdk::Call& call);
// The store of the request's "root".
Result<Store> store_of(const sdk::Call& call);

}  // namespace rcrt::image_oci
