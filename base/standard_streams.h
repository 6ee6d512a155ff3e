// SPDX-License-Identifier: MIT
#pragma once

namespace rcrt {

// Of descriptors 0, 1 and 2, those that the caller closed become /dev/null. Else what is opened
// next takes their numbers, and a container its standard streams from there. First thing in main().
void open_standard_streams();

}  // namespace rcrt
