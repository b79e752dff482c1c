import type {
  Cause,
  Explanation,
  FunctionChange,
  InstructionLine,
  SectionDifference,
  TextChange,
} from '@touchstone/wasm';
import { describe } from './document.js';
import { html, Markup } from './markup.js';

const MAX_SECTIONS = 200;
const MAX_RANGES = 16;
const MAX_HEX = 24;

/** What a browser may do with the page: show it, and nothing that reaches anywhere else. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #f3f4f6; --line: #d5d9de;
  --minus: #9b1c1c; --minus-bg: #fdecec; --plus: #14622f; --plus-bg: #e8f6ec; --accent: #7a4d00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --paper: #14171a; --soft: #1f2428;
  --line: #353b41; --minus: #ff9b93; --minus-bg: #3a1d1d; --plus: #7ee2a0; --plus-bg: #16321f;
  --accent: #f0b955; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
code, pre, .bytes { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top;
  padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
.scroll { overflow-x: auto; } .card { background: var(--soft); border-radius: .4rem;
  padding: .8rem 1rem; margin: .8rem 0; } .card h3 { margin: 0 0 .3rem; font-size: 1rem; }
.badge { color: var(--accent); font-weight: 600; } .minus { color: var(--minus);
  background: var(--minus-bg); } .plus { color: var(--plus); background: var(--plus-bg); }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; } .sides pre { margin: 0; white-space: pre-wrap; }
@media (max-width: 48rem) { .sides { grid-template-columns: 1fr; } }
`;

/** A page that stands alone: no script, nothing fetched, every word from the files escaped. */
export function explanationPage(
  explanation: Explanation,
  claimed: { name: string; bytes: Uint8Array },
  observed: { name: string; bytes: Uint8Array },
): string {
  const { tier, causes, functions, texts, difference, normalisations } = explanation;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${tier}: ${claimed.name} and ${observed.name}</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <main>
          <h1>${claimed.name} and ${observed.name}: <span class="badge">${tier}</span></h1>
          ${filesTable(claimed, observed)} ${normalFormsPart(normalisations)}
          <h2>Causes</h2>
          ${causes.length === 0 ? html`<p>${tier === 'reproduced' ? 'There is no difference.' : 'The bytes do not tell any.'}</p>` : causes.map(causeCard)}
          ${functionsPart(functions)}
          ${
            texts.length === 0
              ? ''
              : html`<h2>Text that differs</h2>
                  ${texts.map(textCard)}`
          }
          <h2>Sections</h2>
          ${sectionsTable(difference.sections, claimed.bytes, observed.bytes)}
          ${difference.malformed.map(
            ({ side, part, code, message }) =>
              html`<p>The ${side} ${part} cannot be read: ${message} [${code}]</p>`,
          )}
        </main>
      </body>
    </html> `;
  return page.text;
}

function normalFormsPart(steps: Explanation['normalisations']): Markup | string {
  if (steps.length === 0) return '';
  const rows = steps.map(
    (step) =>
      html`<tr>
        <td>${step.name}</td>
        <td><code>${describe(step.claimed).sha256}</code></td>
        <td><code>${describe(step.observed).sha256}</code></td>
      </tr> `,
  );
  return html`<h2>Normal forms</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>After</th>
            <th>Claimed</th>
            <th>Observed</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
}

interface File {
  name: string;
  bytes: Uint8Array;
}

function filesTable(claimed: File, observed: File): Markup {
  const row = (side: string, { name, bytes }: File): Markup => {
    const { sha256, size } = describe(bytes);
    return html`<tr>
      <th scope="row">${side}</th>
      <td>${name}</td>
      <td>${size} bytes</td>
      <td><code>${sha256}</code></td>
    </tr> `;
  };
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>Side</th>
          <th>File</th>
          <th>Size</th>
          <th>SHA-256</th>
        </tr>
      </thead>
      <tbody>
        ${row('Claimed', claimed)}${row('Observed', observed)}
      </tbody>
    </table>
  </div>`;
}

function causeCard({ code, confidence, summary, remedy, evidence }: Cause): Markup {
  const places = evidence.map(
    ({ side, section, offset, length, text }) =>
      html`<li>
        ${side} ${section}, ${length} bytes at
        ${hex(offset)}${text === undefined ? '' : html`: <code>${text}</code>`}
      </li> `,
  );
  return html`<section class="card">
    <h3>${code} <span class="badge">${confidence}</span></h3>
    <p>${summary}</p>
    <p><strong>Remedy:</strong> ${remedy}</p>
    <ul>
      ${places}
    </ul>
  </section> `;
}

function functionsPart(functions: Explanation['functions']): Markup {
  const { equal, moved, shifted, changed, onlyClaimed, onlyObserved, list } = functions;
  const rows: [string, number][] = [
    ['equal', equal],
    ['alike but for indices or addresses that moved', shifted],
    ['in another place', moved],
    ['with other code', changed],
    ['only in the claimed module', onlyClaimed],
    ['only in the observed module', onlyObserved],
  ];
  return html`<h2>Functions</h2>
    <table>
      <tbody>
        ${rows.map(
          ([what, count]) =>
            html`<tr>
              <th scope="row">${what}</th>
              <td>${count}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${list.map(functionCard)}`;
}

function functionCard({
  index,
  observedIndex,
  name,
  kind,
  claimed,
  observed,
}: FunctionChange): Markup {
  const other = observedIndex === undefined ? '' : ` (${observedIndex} of the observed module)`;
  return html`<section class="card">
    <h3>
      Function ${index}${other} ${name === undefined ? '' : html`<code>${name}</code>`}: ${kind}
    </h3>
    <div class="sides">${instructions(claimed, 'minus')}${instructions(observed, 'plus')}</div>
  </section> `;
}

function instructions(lines: readonly InstructionLine[], mark: string): Markup {
  const rows = lines.map(
    ({ offset, text, changed }) =>
      html`<span class="${changed ? mark : 'same'}">${hex(offset)} ${text}</span> `,
  );
  return html`<pre>${rows}</pre>`;
}

function textCard({ section, claimed, observed }: TextChange): Markup {
  const side = (text: TextChange['claimed'], mark: string): Markup =>
    text === undefined
      ? html`<pre>(nothing)</pre>`
      : html`<pre><span class="${mark}">${hex(text.offset)}  ${text.text}</span></pre>`;
  return html`<section class="card">
    <h3>${section}</h3>
    <div class="sides">${side(claimed, 'minus')}${side(observed, 'plus')}</div>
  </section> `;
}

function sectionsTable(
  sections: readonly SectionDifference[],
  claimed: Uint8Array,
  observed: Uint8Array,
): Markup {
  const rows = sections.slice(0, MAX_SECTIONS).map((section) => {
    const span = (at: SectionDifference['claimed']): string =>
      at === undefined ? '–' : `${at.size} bytes at ${hex(at.offset)}`;
    const places = section.ranges.slice(0, MAX_RANGES).map(
      ({ offset, length, observedOffset, observedLength }) =>
        html`<div class="bytes">
          <span class="minus">${hex(offset)} ${bytesText(claimed, offset, length)}</span>
          <span class="plus"
            >${hex(observedOffset)} ${bytesText(observed, observedOffset, observedLength)}</span
          >
        </div> `,
    );
    return html`<tr>
      <td>${section.section}</td>
      <td>${section.status}</td>
      <td>${span(section.claimed)}</td>
      <td>${span(section.observed)}</td>
      <td>${places}</td>
    </tr> `;
  });
  const rest = sections.length - rows.length;
  return html`<div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Section</th>
            <th>Status</th>
            <th>Claimed</th>
            <th>Observed</th>
            <th>First bytes</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${rest > 0 ? html`<p>and ${rest} more sections</p>` : ''}`;
}

function bytesText(bytes: Uint8Array, offset: number, length: number): string {
  if (length === 0) return '(nothing)';
  const shown = Buffer.from(bytes.subarray(offset, offset + Math.min(length, MAX_HEX)));
  return `${shown.toString('hex')}${length > MAX_HEX ? `… (${length} bytes)` : ''}`;
}

function hex(offset: number): string {
  return `0x${offset.toString(16)}`;
}
