import { AirgapError } from '@touchstone/airgap';
import { AttestError } from '@touchstone/attest';
import { ComposeError } from '@touchstone/compose';
import { ClientError } from '@touchstone/contract';
import { OciError } from '@touchstone/oci';
import { systemReason, systemSentence } from './system-error.js';

/** Exit codes that scripts can use; the same for every command. */
export const EXIT = {
  /** Done, and what was asked is true. */
  ok: 0,
  /** Checked, and it is false. */
  refuted: 1,
  /** The command line, or a file it names, is not usable. */
  usage: 2,
  /** Could not be reached or found. */
  absent: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure of a command: a stable code for scripts, a sentence for people, an exit code. */
export class CliError extends Error {
  override readonly name = 'CliError';
  constructor(
    readonly code: string,
    message: string,
    readonly exitCode: ExitCode,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Gives any error the exit code and the stable code it is reported with. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ClientError) return fromClient(error);
  if (error instanceof AttestError || error instanceof AirgapError) {
    return new CliError(error.code, error.message, EXIT.refuted, { cause: error });
  }
  if (error instanceof ComposeError) {
    const where = `${error.message} (${error.node}, byte ${error.offset})`;
    return new CliError(error.code, where, EXIT.refuted, { cause: error });
  }
  if (error instanceof OciError) {
    const exit = error.code === 'reference-malformed' ? EXIT.usage : EXIT.absent;
    return new CliError(error.code, error.message, exit, { cause: error });
  }
  if (error instanceof Error) {
    const system = systemReason(error);
    if (system !== undefined) {
      const message = systemSentence(error, system);
      return new CliError(system.code, message, EXIT.absent, { cause: error });
    }
    const code = (error as NodeJS.ErrnoException).code;
    const exit = UNUSABLE.has(code ?? '') ? EXIT.usage : EXIT.absent;
    return new CliError(code ?? 'failed', error.message, exit, { cause: error });
  }
  return new CliError('failed', String(error), EXIT.absent);
}

/** A file that the command line names is there, and is not what it is named for. */
const UNUSABLE: ReadonlySet<string> = new Set([
  'key-encrypted',
  'key-file-exists',
  'key-file-not-regular',
  'key-file-permissions',
  'key-inconsistent',
  'key-malformed',
  'key-unsupported',
  'public-key-malformed',
  'toolchain-lock',
]);

function fromClient(error: ClientError): CliError {
  const { problem } = error;
  if (problem === undefined) return unanswered(error);
  const where = problem.field === undefined ? '' : ` (${problem.field})`;
  const barred = problem.status === 401 || problem.status === 403;
  const hint = barred && problem.code.startsWith('token-') ? `; ${TOKEN_HINT}` : '';
  const usage = barred || [400, 413, 422].includes(problem.status);
  const exit = usage ? EXIT.usage : EXIT.absent;
  return new CliError(problem.code, problem.detail + where + hint, exit, { cause: error });
}

const TOKEN_HINT =
  'give it by the option or variable that --help names (`touchstone up` keeps its tokens in `keys` of its folder)';

/** No answer came, or none that can be used. */
function unanswered(error: ClientError): CliError {
  const { code, message, cause } = error;
  if (code !== 'unreachable') return new CliError(code, message, EXIT.absent, { cause: error });
  // fetch says `fetch failed`; why is in its cause.
  const inner = cause instanceof Error ? cause.cause : undefined;
  const why = inner instanceof Error ? (inner as NodeJS.ErrnoException).code : undefined;
  if (why === 'ERR_INVALID_URL') {
    const text = `${message}: write its address as http://HOST:PORT`;
    return new CliError('url-malformed', text, EXIT.usage, { cause: error });
  }
  const reason = why === undefined ? '' : ` (${why})`;
  const text = `${message}${reason}; does it run there? --help says how another address is given`;
  return new CliError(code, text, EXIT.absent, { cause: error });
}
