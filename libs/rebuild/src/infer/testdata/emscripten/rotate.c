#include <emscripten.h>
#include <stdlib.h>

EMSCRIPTEN_KEEPALIVE unsigned *rotate(const unsigned *words, unsigned count, unsigned by) {
  unsigned *out = malloc(count * sizeof *out);
  for (unsigned at = 0; out && at < count; at++) out[at] = words[at] << by | words[at] >> (32 - by);
  return out;
}
