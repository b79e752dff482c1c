/** Numbers from 0 to 1. */
export type Random = () => number;

const DICTIONARY = ['\n', '\n\n', ' ', '\u2014 ', '+', '=', '==', '0', '-1', '9007199254740992']
  .concat([
    '18446744073709551615',
    '1e3',
    '\u0000',
    '\ufeff',
    '"',
    '\\',
    '{}',
    '[]',
    'null',
    'old ',
  ])
  .concat(['extra ', 'index ', '.p/', 'x000/', '__proto__', '\ud7ff', '\r\n', 'AAAA', '/', '..'])
  .map((text) => Buffer.from(text));

const HOSTILE: readonly unknown[] = [null, true, false, 0, -1, 1.5, 2 ** 53, 1e308, '', 'A', 'AAAA']
  .concat(['=', 'a'.repeat(300), '\u0000', '\ufeff', '__proto__', '../..', '0', '-1'] as never[])
  .concat([[], {}, [[]], [null], { a: 1 }] as never[]);

function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[below(random, items.length)] as T;
}

/** A few changes to one of the seeds, mostly small ones, now and then none. */
export function mutateBytes(random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  let bytes: Buffer = Buffer.from(pick(random, seeds));
  for (let changes = below(random, 4); changes > 0; changes--) {
    bytes = changed(random, bytes, seeds);
  }
  return new Uint8Array(bytes);
}

function changed(random: Random, bytes: Buffer, seeds: readonly Uint8Array[]): Buffer {
  const at = below(random, bytes.length + 1);
  const length = 1 + below(random, random() < 0.9 ? 8 : 200);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (below(random, 8)) {
    case 0: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << below(random, 8));
      return flipped;
    }
    case 1: {
      const set = Buffer.from(bytes);
      if (at < set.length) set[at] = below(random, 256);
      return set;
    }
    case 2:
      return Buffer.concat([head, tail.subarray(length)]);
    case 3:
      return Buffer.concat([head, tail.subarray(0, length), tail]);
    case 4:
      return Buffer.concat([head, pick(random, DICTIONARY), tail]);
    case 5:
      return Buffer.from(head);
    case 6: {
      const other = pick(random, seeds);
      return Buffer.concat([head, other.subarray(below(random, other.length + 1))]);
    }
    default: {
      const noise = Buffer.from(Array.from({ length }, () => below(random, 256)));
      return Buffer.concat([head, noise, tail]);
    }
  }
}

/** One of the values with one or two places replaced, removed or doubled; now and then none. */
export function mutateJson(random: Random, seeds: readonly unknown[]): unknown {
  let value = structuredClone(pick(random, seeds));
  for (let changes = below(random, 3); changes > 0; changes--) {
    value = changedAt(random, value, pick(random, seeds));
  }
  return value;
}

function changedAt(random: Random, value: unknown, donor: unknown): unknown {
  const inside = typeof value === 'object' && value !== null && random() < 0.85;
  if (!inside) return replaced(random, value, donor);
  if (Array.isArray(value)) {
    const at = below(random, value.length + 1);
    if (random() < 0.1) return value.filter((_, i) => i !== at);
    if (random() < 0.1) return [...(value as unknown[]), value[at] as unknown];
    return value.map((item: unknown, i) => (i === at ? changedAt(random, item, donor) : item));
  }
  const entries = Object.entries(value as Record<string, unknown>);
  const at = below(random, entries.length + 1);
  if (random() < 0.1) return Object.fromEntries(entries.filter((_, i) => i !== at));
  if (at === entries.length) return { ...value, [pick(random, ['extra', 'spec', 'kind'])]: 1 };
  return Object.fromEntries(
    entries.map(([key, item], i) => [key, i === at ? changedAt(random, item, donor) : item]),
  );
}

function replaced(random: Random, value: unknown, donor: unknown): unknown {
  if (typeof value === 'string' && random() < 0.6) {
    return Buffer.from(mutateBytes(random, [Buffer.from(value)])).toString('utf8');
  }
  if (typeof value === 'number' && random() < 0.5)
    return value + pick(random, [1, -1, 0.5, 2 ** 53]);
  return random() < 0.2 ? donor : pick(random, HOSTILE);
}
