#include "mix.h"

__attribute__((visibility("default"))) unsigned adler(const unsigned char *bytes, unsigned length) {
  unsigned low = 1, high = 0;
  for (unsigned at = 0; at < length; at++) {
    low = (low + bytes[at]) % 65521u;
    high = (high + low) % 65521u;
  }
  return mix(high << 16 | low, length);
}
