import { AirgapError } from './errors.js';
import type { NewHash, RunningHash } from './record-reader.js';

/** Artifacts inside of a bundle, piece by piece: each ends at its size and has its digest. */
export class ArtifactStream {
  readonly #newHash: NewHash;
  #open: { name: string; sha256: Uint8Array; left: number; hash: RunningHash } | undefined;

  constructor(newHash: NewHash) {
    this.#newHash = newHash;
  }

  begin(name: string, sha256: Uint8Array, size: number): void {
    this.close();
    this.#open = { name, sha256, left: size, hash: this.#newHash() };
  }

  chunk(bytes: Uint8Array): void {
    const open = this.#open;
    if (open === undefined || bytes.length === 0 || bytes.length > open.left) {
      throw new AirgapError('artifact-mismatch', 'a piece of an artifact belongs to none');
    }
    open.left -= bytes.length;
    open.hash.update(bytes);
  }

  /** @throws AirgapError `artifact-mismatch` when the artifact is cut short or another */
  close(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    const digest = open.hash.digest();
    if (open.left !== 0 || open.sha256.some((byte, at) => byte !== digest[at])) {
      throw new AirgapError('artifact-mismatch', `artifact ${open.name} is not what it claims`);
    }
  }
}
