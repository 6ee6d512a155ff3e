// SPDX-License-Identifier: MIT
// The version of every program here.
#pragma once

#define RCRT_VERSION "0.1.0"
