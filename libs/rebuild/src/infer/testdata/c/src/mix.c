#include "mix.h"

unsigned mix(unsigned state, unsigned value) {
  state ^= value;
  return (state << 13 | state >> 19) * 16777619u;
}
