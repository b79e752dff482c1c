import { AirgapError } from '@touchstone/airgap';
import { AttestError } from '@touchstone/attest';
import { ComposeError } from '@touchstone/compose';
import { ClientError } from '@touchstone/contract';
import { OciError } from '@touchstone/oci';

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
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
      return new CliError('file-unreadable', error.message, EXIT.absent, { cause: error });
    }
    return new CliError(code ?? 'failed', error.message, EXIT.absent, { cause: error });
  }
  return new CliError('failed', String(error), EXIT.absent);
}

function fromClient(error: ClientError): CliError {
  const { problem } = error;
  if (problem === undefined) {
    return new CliError(error.code, error.message, EXIT.absent, { cause: error });
  }
  const where = problem.field === undefined ? '' : ` (${problem.field})`;
  const usage = problem.status === 400 || problem.status === 413 || problem.status === 422;
  return new CliError(problem.code, problem.detail + where, usage ? EXIT.usage : EXIT.absent, {
    cause: error,
  });
}
