import { inflateSync } from 'node:zlib';
import type { Span } from '@touchstone/wasm';
import { z } from 'zod';

/** What the list of a section `.dep-v0` may come to, in bytes. */
const MAX_JSON_BYTES = 8 * 1024 * 1024;
const MAX_PACKAGES = 10_000;
const text = z.string().max(256);

const AuditedPackage = z.object({
  name: text,
  version: text,
  /** `crates.io`, `git`, `local` or `registry`. */
  source: text,
  kind: text.optional(),
});

export type AuditedPackage = z.infer<typeof AuditedPackage>;

/**
 * Reads a section `.dep-v0`: zlib over JSON, as cargo auditable writes it (rust-secure-code,
 * cargo-auditable/PARSING.md). What cannot be read explains nothing: undefined.
 */
export function readAuditedPackages(
  bytes: Uint8Array,
  { offset, size }: Span,
): AuditedPackage[] | undefined {
  try {
    const json = inflateSync(bytes.subarray(offset, offset + size), {
      maxOutputLength: MAX_JSON_BYTES,
    });
    const schema = z.object({ packages: z.array(AuditedPackage).max(MAX_PACKAGES) });
    return schema.parse(JSON.parse(json.toString('utf8'))).packages;
  } catch {
    return undefined;
  }
}
