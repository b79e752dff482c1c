import { encodeCheckpointSlip, slipText, type CheckpointSlip } from '@touchstone/airgap';
import { parseCheckpoint, parseNote } from '@touchstone/note';
import type { Terminal } from '../terminal.js';
import { showSymbol, writeSlip, type SlipOutput, type SlipTitle } from './slip-file.js';

/** To a file, to the terminal as a symbol, or else as its text. */
export async function giveSlip(
  slip: CheckpointSlip,
  { out, qr, json }: SlipOutput,
  terminal: Terminal,
): Promise<void> {
  const bytes = encodeCheckpointSlip(slip);
  const title = checkpointTitle(slip);
  if (out !== undefined) await writeSlip(out, bytes, title);
  if (json === true) {
    terminal.json({ ...title.fields, bytes: bytes.length, text: slipText(bytes) });
    return;
  }
  if (qr === true) showSymbol(bytes, terminal);
  else if (out === undefined) terminal.print(slipText(bytes));
  for (const [name, value] of Object.entries(title.fields)) terminal.note(`${name}: ${value}`);
}

/** What stands on the sheet, and in the terminal. */
function checkpointTitle({ note, consistency }: CheckpointSlip): SlipTitle {
  const { text, signatures } = parseNote(note);
  const { origin, size, root } = parseCheckpoint(text);
  return {
    title: 'Checkpoint of a transparency log',
    fields: {
      log: origin,
      size,
      root: Buffer.from(root).toString('hex'),
      ...(consistency && { from: consistency.from }),
      signatures: signatures.map(({ name }) => name).join(', '),
    },
  };
}
