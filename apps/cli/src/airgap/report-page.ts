import type { ImportResult } from './import-result.js';

/** The report on one page that stands alone and prints in black and white. */
export function reportPage(result: ImportResult, signed: object): string {
  const { site, verdict, installed, counter, from, checkpoint, trustRootVersion, counts } = result;
  const rows: [string, string][] = [
    ['Site', site],
    ['Verdict', verdict],
    ['Installed', installed ? `yes, as import ${counter}` : 'no'],
    ['Log', checkpoint.origin],
    ['From entry', String(from)],
    ['To entry', String(checkpoint.size)],
    ['Root hash', checkpoint.root],
    [
      'Last seen by witnesses',
      result.time === undefined ? 'unknown' : new Date(result.time * 1000).toISOString(),
    ],
    ['Trust root', `version ${trustRootVersion}`],
    [
      'Entries',
      `${counts.entries}: ${counts.statements} by enrolled organisations, ${counts.foreign} by others, ${counts.unread} not read`,
    ],
    ['Artifacts', String(counts.artifacts)],
  ];
  const table = rows
    .map(
      ([name, value]) => `<tr><th scope="row">${escape(name)}</th><td>${escape(value)}</td></tr>`,
    )
    .join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Import report: ${escape(site)}, import ${counter}</title>
<style>
body { font: 11pt/1.5 system-ui, sans-serif; margin: 2cm; color: #000; background: #fff; }
th { text-align: left; padding-right: 2em; font-weight: 600; vertical-align: top; }
td { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 8pt; border-top: 1px solid; padding-top: 1em; }
</style>
<h1>Import report</h1>
<table>
${table}
</table>
<p>What follows is the same as an in-toto statement, signed by the site's device.</p>
<pre>${escape(JSON.stringify(signed))}</pre>
</html>
`;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
