import { inflateSync } from 'node:zlib';
import { AttestError, parseJson } from '@touchstone/attest';
import {
  customSections,
  readBinary,
  readProducers,
  walkNodes,
  WasmError,
  type ProducersField,
} from '@touchstone/wasm';
import { z } from 'zod';
import { RebuildError } from '../errors.js';
import { MAX_PACKAGES } from './dependency-graph.js';
import { itemOfPurl, type InventoryItem } from './inventory.js';
import { formatPurl } from './package-url.js';

/** Section that cargo-auditable puts into a module: JSON, compressed by zlib. */
const AUDIT_SECTION = '.dep-v0';
const MAX_AUDIT_BYTES = 8 * 1024 * 1024;

/** What a module or component says of the packages and tools it was made of and with. */
export interface BinaryInventory {
  /** What the items come from; undefined when the binary names no packages. */
  readonly said?: '.dep-v0' | 'Go build information';
  readonly items: readonly InventoryItem[];
  readonly producers: readonly ProducersField[];
}

const Audit = z.looseObject({
  packages: z
    .array(
      z.looseObject({
        name: z.string().min(1).max(512),
        version: z.string().min(1).max(256),
        source: z.string().max(2048),
        kind: z.string().max(32).optional(),
        root: z.boolean().optional(),
      }),
    )
    .max(MAX_PACKAGES),
});

/**
 * Reads what a binary says of itself, at every level of a component.
 *
 * @throws WasmError; RebuildError `sbom-malformed`, `sbom-too-large` of its lists of packages
 */
export function readBinaryInventory(bytes: Uint8Array): BinaryInventory {
  const audited: InventoryItem[] = [];
  const producers: ProducersField[] = [];
  let said: BinaryInventory['said'];
  for (const node of walkNodes(readBinary(bytes))) {
    for (const { name, content } of customSections(bytes, node)) {
      if (name === AUDIT_SECTION) {
        said = '.dep-v0';
        audited.push(...readAudit(bytes.subarray(content.offset, content.offset + content.size)));
      } else if (name === 'producers') {
        try {
          producers.push(...readProducers(bytes, content));
        } catch (error) {
          // It explains and decides nothing: a broken one is none.
          if (!(error instanceof WasmError)) throw error;
        }
      }
    }
  }
  if (said !== undefined) return { said, items: audited, producers };
  const items = readGoBuildInfo(bytes);
  if (items === undefined) return { items: [], producers };
  return { said: 'Go build information', items, producers };
}

function readAudit(section: Uint8Array): InventoryItem[] {
  let json: Uint8Array;
  try {
    json = inflateSync(section, { maxOutputLength: MAX_AUDIT_BYTES });
  } catch (cause) {
    const over =
      cause instanceof RangeError ||
      (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw over
      ? new RebuildError(
          'sbom-too-large',
          `${AUDIT_SECTION} unpacks to over ${MAX_AUDIT_BYTES} bytes`,
          { cause },
        )
      : new RebuildError('sbom-malformed', `${AUDIT_SECTION} is not zlib data`, { cause });
  }
  let value: unknown;
  try {
    value = parseJson(json, MAX_AUDIT_BYTES);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new RebuildError('sbom-malformed', `${AUDIT_SECTION}: ${cause.message}`, { cause });
  }
  const audit = Audit.safeParse(value);
  if (!audit.success)
    throw new RebuildError(
      'sbom-malformed',
      `${AUDIT_SECTION}: ${audit.error.issues[0]?.message ?? ''}`,
    );
  return audit.data.packages
    .filter(({ root, source }) => root !== true && source !== 'local')
    .map(({ name, version, source }) => {
      // It names the kind of source alone, so only that of the registry can be held against one.
      const item = itemOfPurl(formatPurl({ type: 'cargo', name, version, qualifiers: {} }), {
        hashes: [],
        development: false,
      });
      const { from: _, ...rest } = item ?? { name, version, hashes: [], development: false };
      return source === 'crates.io' ? { ...rest, from: '' } : rest;
    });
}

const GO_START = Buffer.from('3077af0c9274080241e1c107e6d618e6', 'hex');
const GO_END = Buffer.from('f932433186182072008242104116d8f2', 'hex');

/**
 * Lines of what `go version -m` prints, such as `build\tGOOS=wasip1`: Go's linker puts their text
 * into the data, between two marks of 16 bytes.
 */
export function goBuildInformation(bytes: Uint8Array): string[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = buffer.indexOf(GO_START);
  if (start < 0) return undefined;
  const end = buffer.indexOf(GO_END, start + GO_START.length);
  if (end < 0 || end - start > MAX_AUDIT_BYTES) return undefined;
  const lines = buffer.toString('utf8', start + GO_START.length, end).split('\n');
  return lines.slice(0, MAX_PACKAGES);
}

function readGoBuildInfo(bytes: Uint8Array): InventoryItem[] | undefined {
  const lines = goBuildInformation(bytes);
  if (lines === undefined) return undefined;
  const items: InventoryItem[] = [];
  for (const line of lines) {
    const [verb, path = '', version = ''] = line.split('\t');
    if (verb !== 'dep' && verb !== '=>') continue;
    // A replacement follows what it replaces.
    if (verb === '=>') items.pop();
    if (path === '' || version === '' || /^\.{0,2}\//.test(path)) continue;
    const at = path.lastIndexOf('/');
    const namespace = at < 0 ? {} : { namespace: path.slice(0, at) };
    const purl = formatPurl({
      type: 'golang',
      ...namespace,
      name: path.slice(at + 1),
      version,
      qualifiers: {},
    });
    const item = itemOfPurl(purl, { hashes: [], development: false });
    if (item !== undefined) items.push(item);
  }
  return items;
}
