/** A failure of the operating system, in words that say what to do. */
export interface SystemReason {
  readonly code: string;
  readonly reason: string;
}

/** By errno name; what is not here is reported in Node's own words. */
const REASONS: Readonly<Record<string, SystemReason>> = {
  ENOENT: { code: 'file-unreadable', reason: 'there is no such file or folder' },
  EACCES: { code: 'file-unreadable', reason: 'permission is denied to this account' },
  EPERM: { code: 'file-unreadable', reason: 'permission is denied to this account' },
  EISDIR: { code: 'file-unreadable', reason: 'it is a folder, and a file is wanted' },
  ENOTDIR: { code: 'file-unreadable', reason: 'a part of that path is a file, and no folder' },
  ELOOP: { code: 'file-unreadable', reason: 'its symbolic links lead round in a circle' },
  EROFS: { code: 'file-unwritable', reason: 'its file system is mounted read-only' },
  ENOSPC: { code: 'disk-full', reason: 'the disk is full; make room and try again' },
  EDQUOT: { code: 'disk-full', reason: 'the quota is used up; make room and try again' },
  EADDRINUSE: { code: 'port-in-use', reason: 'another process listens there; choose another port' },
  EMFILE: { code: 'too-many-files', reason: 'this process may open no more files (ulimit -n)' },
};

/** Why a call of the operating system failed; undefined when it was no such call. */
export function systemReason(error: unknown): SystemReason | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || !Object.hasOwn(REASONS, code)) return undefined;
  const known = REASONS[code];
  if (known === undefined || syscall !== 'mkdir') return known;
  // Node makes folders one by one, and says ENOENT where the file system is read-only.
  const reason =
    code === 'ENOENT'
      ? 'it cannot be made: there is no such folder, or its file system is read-only'
      : known.reason;
  return { code: known.code === 'file-unreadable' ? 'file-unwritable' : known.code, reason };
}

/** The same as a sentence about what was asked for, such as `open /x: there is no such file`. */
export function systemSentence(error: Error, { reason }: SystemReason): string {
  const {
    syscall = '',
    path,
    address,
    port,
  } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const what = path ?? (port === undefined ? '' : `${address ?? ''}:${port}`);
  return `${[syscall, what].filter((part) => part !== '').join(' ')}: ${reason}`;
}
