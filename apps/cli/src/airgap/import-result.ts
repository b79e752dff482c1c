import type { ImportVerdict } from '@touchstone/airgap';

/** What an import came to, for the report and for the terminal. */
export interface ImportResult {
  readonly verdict: ImportVerdict;
  /** False: verified, and still not taken, because the site does not accept the verdict. */
  readonly installed: boolean;
  readonly site: string;
  readonly counter: number;
  readonly from: number;
  readonly checkpoint: { readonly origin: string; readonly size: number; readonly root: string };
  readonly trustRootVersion: number;
  /** Seconds since the epoch: witnesses last saw the checkpoint then. */
  readonly time?: number;
  readonly counts: ImportCounts;
}

export interface ImportCounts {
  entries: number;
  /** By enrolled organisations. */
  statements: number;
  foreign: number;
  unread: number;
  artifacts: number;
}
