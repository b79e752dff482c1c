import { writeFile } from 'node:fs/promises';
import {
  parseEvidence,
  signEnvelope,
  verificationSummary,
  type TrustRoot,
  type VerifiedEvidence,
} from '@touchstone/attest';
import { readPrivateKey } from '@touchstone/keys';
import { CliError, EXIT } from './failure.js';
import { VERSION } from './version.js';

export interface SummaryOptions {
  /** File that the signed summary is written to. */
  readonly summary?: string;
  /** URI of who verifies. */
  readonly verifier?: string;
  /** File of the verifier's key. */
  readonly key?: string;
}

/** Signs what a verification came to, when it is asked for; written whatever the verdict. */
export async function writeSummary(
  { summary, verifier, key }: SummaryOptions,
  checked: { evidence: Uint8Array; trustRoot: TrustRoot; verified: VerifiedEvidence },
): Promise<void> {
  if (summary === undefined) return;
  if (verifier === undefined || key === undefined || !URL.canParse(verifier)) {
    throw new CliError(
      'summary-unsigned',
      '--summary needs --verifier <uri> and --key <file>: somebody must sign it',
      EXIT.usage,
    );
  }
  const { evidence, trustRoot, verified } = checked;
  const statement = verificationSummary({
    evidence: parseEvidence(evidence),
    ...{ trustRoot, verified, verifier },
    version: { touchstone: VERSION },
    timeVerified: new Date().toISOString(),
  });
  const envelope = await signEnvelope(statement, await readPrivateKey(key));
  await writeFile(summary, `${JSON.stringify(envelope, null, 2)}\n`);
}
