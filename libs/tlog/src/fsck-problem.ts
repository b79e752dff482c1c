export type FsckProblemCode =
  'missing' | 'malformed' | 'hash-mismatch' | 'root-mismatch' | 'signature' | 'size-mismatch';

export interface FsckProblem {
  /** The file that is wrong. */
  readonly path: string;
  readonly code: FsckProblemCode;
  readonly message: string;
}

export type ReportProblem = (path: string, code: FsckProblemCode, message: string) => void;
