// SPDX-License-Identifier: MIT
// Numbers as text, without libc.
#pragma once

namespace rcrt::launch {

// Writes `number` and a NUL behind it; 21 bytes are enough. Returns where the NUL is.
inline char* append_number(char* out, long number) {
  char digits[24];
  int count = 0;
  const bool negative = number < 0;
  unsigned long left = negative ? -static_cast<unsigned long>(number) : static_cast<unsigned long>(number);
  do digits[count++] = static_cast<char>('0' + left % 10);
  while ((left /= 10) > 0);
  if (negative) *out++ = '-';
  while (count > 0) *out++ = digits[--count];
  *out = '\0';
  return out;
}

}  // namespace rcrt::launch
