const MiB = 1024 * 1024;

/** What one run in a sandbox may use. */
export interface SandboxLimits {
  readonly wallMilliseconds: number;
  /** Of each process. */
  readonly cpuSeconds: number;
  /** Resident memory of all processes together. */
  readonly memoryBytes: number;
  /** Threads of all processes together. */
  readonly tasks: number;
  readonly openFiles: number;
  readonly fileBytes: number;
  /** Space taken in the workspace, what was put there before the run included. */
  readonly workspaceBytes: number;
  readonly workspaceEntries: number;
  readonly temporaryBytes: number;
  /** Of standard output and standard error together. */
  readonly outputBytes: number;
}

export const DEFAULT_LIMITS: SandboxLimits = {
  wallMilliseconds: 10 * 60_000,
  cpuSeconds: 20 * 60,
  memoryBytes: 3 * 1024 * MiB,
  tasks: 256,
  openFiles: 1024,
  fileBytes: 256 * MiB,
  workspaceBytes: 1024 * MiB,
  workspaceEntries: 100_000,
  temporaryBytes: 256 * MiB,
  outputBytes: 16 * MiB,
};

export const MAX_WORKSPACE_DEPTH = 128;

/** The whole environment of every build. */
export const BUILD_ENVIRONMENT: Readonly<Record<string, string>> = {
  HOME: '/tmp',
  LANG: 'C.UTF-8',
  LC_ALL: 'C.UTF-8',
  PATH: '/bin',
  SOURCE_DATE_EPOCH: '315532800',
  TMPDIR: '/tmp',
  TZ: 'UTC',
};
