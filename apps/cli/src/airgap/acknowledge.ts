import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  signAcknowledgement,
  signCompactAcknowledgement,
  type Acknowledgement,
} from '@touchstone/airgap';
import { signEnvelope, STATEMENT_TYPE } from '@touchstone/attest';
import { writeDurably } from '@touchstone/tlog';
import { newNonce, type SiteDevice } from '../device/site-device.js';
import { CliError, EXIT } from '../failure.js';
import { readImported } from './import-folder.js';
import type { ImportResult } from './import-result.js';
import type { Site } from './site.js';
import type { SiteState } from './site-state.js';

/** Both forms, in `acknowledgement-<counter>.json` and `.cbor`. */
export async function writeAcknowledgement(
  folder: string,
  state: SiteState,
  device: SiteDevice,
): Promise<void> {
  const { size, root } = state.checkpoint;
  const acknowledgement: Acknowledgement = {
    site: state.site,
    checkpoint: { origin: state.origin, size, root },
    trustRootVersion: state.trustRoot.version,
    verdict: state.verdict ?? 'UNWITNESSED',
    counter: state.counter,
    serial: state.serial,
    nonce: newNonce(),
  };
  const place = join(folder, `acknowledgement-${state.counter}`);
  const envelope = await signAcknowledgement(acknowledgement, device.signer);
  const compact = await signCompactAcknowledgement(acknowledgement, device.signer);
  await writeDurably(`${place}.cbor`, compact);
  await writeDurably(`${place}.json`, `${JSON.stringify(envelope)}\n`);
}

/** The acknowledgement of the last import, made now if a power cut came before it was written. */
export async function lastAcknowledgement(
  site: Site,
): Promise<{ readonly envelope: string; readonly compact: Uint8Array }> {
  const { folder, state } = site;
  if (state.manifest === undefined) throw nothingImported();
  const place = join(folder, `acknowledgement-${state.counter}`);
  const read = async (): Promise<{ envelope: string; compact: Uint8Array } | undefined> => {
    const [envelope, compact] = await Promise.all([
      readFile(`${place}.json`, 'utf8').catch(() => undefined),
      readFile(`${place}.cbor`).catch(() => undefined),
    ]);
    return envelope !== undefined && compact !== undefined ? { envelope, compact } : undefined;
  };
  const found = await read();
  if (found !== undefined) return found;
  await writeAcknowledgement(folder, state, site.device);
  return (await read()) as { envelope: string; compact: Uint8Array };
}

/** The report of the last import, as it was written then: held against the device's seal. */
export async function lastReport(site: Site): Promise<ImportResult> {
  const [newest] = await site.imports();
  const bytes = newest && (await readImported(newest, 'report.json'));
  if (bytes === undefined) throw nothingImported();
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as ImportResult;
}

function nothingImported(): CliError {
  return new CliError('nothing-imported', 'this site has imported nothing yet', EXIT.absent);
}

const IMPORT_REPORT_TYPE = 'https://touchstone.dev/import-report/v1';

/** The report of an import as a statement that the device signed, for a security officer. */
export async function signReport(site: Site, result: ImportResult): Promise<object> {
  const { origin, size, root } = result.checkpoint;
  return signEnvelope(
    {
      _type: STATEMENT_TYPE,
      subject: [{ name: `${origin}@${size}`, digest: { sha256: root } }],
      predicateType: IMPORT_REPORT_TYPE,
      predicate: { ...result, serial: site.device.serial },
    },
    site.device.signer,
  );
}
