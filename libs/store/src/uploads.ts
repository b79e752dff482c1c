import type { Queries } from './database.js';

/** Keeps an upload under its digest (lower-case hex SHA-256, checked by the caller). */
export async function saveUpload(
  queries: Queries,
  sha256: string,
  bytes: Uint8Array,
  now: Date,
): Promise<void> {
  await queries.$executeRaw`
    INSERT INTO upload (sha256, bytes, uploaded_at)
    VALUES (${sha256}, ${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)}, ${now})
    ON CONFLICT (sha256) DO NOTHING`;
}

export async function findUpload(
  queries: Queries,
  sha256: string,
): Promise<Uint8Array | undefined> {
  return (await queries.upload.findUnique({ where: { sha256 } }))?.bytes;
}

export async function hasUpload(queries: Queries, sha256: string): Promise<boolean> {
  return (await queries.upload.count({ where: { sha256 } })) > 0;
}
