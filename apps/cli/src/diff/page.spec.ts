import { explainDifference } from '@touchstone/wasm';
import { describe, expect, it } from 'vitest';
import { explanationPage } from './page.js';

const HOSTILE = '</title><script>alert(1)</script>"\'&\u202e';

/** A module of one custom section whose name and content are hostile. */
function module(content: string): Uint8Array {
  const name = Buffer.from(HOSTILE);
  const body = Buffer.concat([Buffer.from([name.length]), name, Buffer.from(content)]);
  return Buffer.concat([
    Buffer.from('\0asm\x01\0\0\0', 'latin1'),
    Buffer.from([0, body.length]),
    body,
  ]);
}

describe('explanationPage', () => {
  const [claimed, observed] = [module(`/tmp/<b>one</b>/a.c`), module(`/srv/<i>two</i>/a.c`)];
  const page = explanationPage(
    explainDifference(claimed, observed),
    { name: `${HOSTILE}.wasm`, bytes: claimed },
    { name: 'b.wasm', bytes: observed },
  );

  it('escapes whatever names and contents hold', () => {
    expect(page).not.toMatch(/<script|<b>|<i>|\u202e/);
    expect(page.match(/<\/title>/g)).toHaveLength(1);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e}');
  });

  it('stands alone: no address, no script, and a policy that would allow neither', () => {
    expect(page).not.toMatch(/(?:src|href)=|url\(|@import|https?:/);
    expect(page).toContain('Content-Security-Policy');
    expect(page).toContain('prefers-color-scheme: dark');
  });

  it('tells tier, causes and digests', () => {
    expect(page).toContain('same-code');
    expect(page).toContain('strip-custom-sections');
    expect(page.match(/[0-9a-f]{64}/g)?.length).toBeGreaterThanOrEqual(4);
  });
});
