const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * A key that stands twice in one object of a JSON text, as it is written there; undefined when
 * there is none. JSON.parse would take the last of them without a word.
 *
 * @param text must be JSON; of anything else the answer means nothing
 */
export function repeatedKey(text: string): string | undefined {
  // The keys of each open object; undefined for an open array.
  const open: (Set<string> | undefined)[] = [];
  let isKey = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      isKey = character === OPEN_OBJECT;
      open.push(isKey ? new Set() : undefined);
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) {
      open.pop();
      isKey = false;
    } else if (character === COMMA) {
      isKey = open.at(-1) !== undefined;
    } else if (character === QUOTE) {
      const end = endOfString(text, at);
      if (isKey) {
        const written = text.slice(at, end + 1);
        // "a" and "\u0061" are one key.
        const key = written.includes('\\') ? (JSON.parse(written) as string) : written.slice(1, -1);
        const keys = open.at(-1);
        if (keys?.has(key) === true) return written;
        keys?.add(key);
      }
      isKey = false;
      at = end;
    }
  }
  return undefined;
}

/** Index of the quote that ends the string whose first quote is at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
