import { writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { slipBytes, slipText } from '@touchstone/airgap';
import type { Command } from 'commander';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { html, Markup } from '../diff/markup.js';
import type { Terminal } from '../terminal.js';
import { symbolLines, symbolSvg } from './qr-symbol.js';

/** What a person who finds the sheet is told. */
export interface SlipTitle {
  readonly title: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Where a slip goes; to the terminal alone when neither is named. */
export interface SlipOutput {
  out?: string;
  qr?: boolean;
  json?: boolean;
}

export function withSlipOutput(command: Command): Command {
  return command
    .option('--out <file>', 'by its ending: .cbor, .txt, .svg, or .html (a sheet to print)')
    .option('--qr', 'show the QR code in the terminal')
    .option('--json', 'print JSON');
}

const MAX_READ = 256 * 1024;

/**
 * Writes a slip by the file's ending: `.cbor` the bytes, `.txt` what stands in the symbol, `.svg` the
 * symbol, `.html` a sheet to print.
 *
 * @throws CliError `file-ending`, AirgapError `slip-too-large`
 */
export async function writeSlip(file: string, bytes: Uint8Array, title: SlipTitle): Promise<void> {
  await writeFile(file, slipContent(extname(file), bytes, title));
}

export function showSymbol(bytes: Uint8Array, terminal: Terminal): void {
  for (const line of symbolLines(slipText(bytes))) terminal.print(line);
}

function slipContent(ending: string, bytes: Uint8Array, title: SlipTitle): string | Uint8Array {
  switch (ending) {
    case '.cbor':
      return bytes;
    case '.txt':
      return `${slipText(bytes)}\n`;
    case '.svg':
      return symbolSvg(slipText(bytes));
    case '.html':
      return slipSheet(bytes, title);
    default:
      throw new CliError(
        'file-ending',
        `${ending === '' ? 'no ending' : ending}: a slip is written as .cbor, .txt, .svg or .html`,
        EXIT.usage,
      );
  }
}

/** The bytes of a slip: from a `.cbor` file, or from the text that a scanner wrote down. */
export async function readSlip(file: string): Promise<Uint8Array> {
  return slipBytes(new Uint8Array(await readBounded(file, MAX_READ)));
}

function slipSheet(bytes: Uint8Array, { title, fields }: SlipTitle): string {
  const table = Object.entries(fields).map(
    ([name, value]) =>
      html`<tr>
        <th scope="row">${name}</th>
        <td>${value}</td>
      </tr>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <title>${title}</title>
      <style>
        @page {
          size: A4;
          margin: 15mm;
        }
        body {
          font:
            10pt/1.4 system-ui,
            sans-serif;
          color: #000;
          background: #fff;
        }
        th {
          text-align: left;
          padding-right: 2em;
          font-weight: 600;
          vertical-align: top;
        }
        td {
          font-family: ui-monospace, monospace;
          overflow-wrap: anywhere;
        }
        svg {
          display: block;
          margin: 8mm auto;
        }
      </style>
      <h1>${title}</h1>
      <table>
        ${table}
      </table>
      ${new Markup(symbolSvg(slipText(bytes)))}
      <p>
        The code holds all of it, signed: scan it into a file and hand that to touchstone. It is as
        public as the log.
      </p>
    </html> `.text;
}
