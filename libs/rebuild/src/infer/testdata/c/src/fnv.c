#include "mix.h"

__attribute__((visibility("default"))) unsigned fnv(const unsigned char *bytes, unsigned length) {
  unsigned state = 2166136261u;
  for (unsigned at = 0; at < length; at++) state = mix(state, bytes[at]);
  return state;
}
