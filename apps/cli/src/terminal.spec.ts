import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { quoted, Terminal } from './terminal.js';

class Screen extends Writable {
  shown = '';
  constructor(readonly isTTY: boolean) {
    super();
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.shown += chunk.toString();
    done();
  }
}

function terminal(isTTY: boolean): { terminal: Terminal; out: Screen; err: Screen } {
  const [out, err] = [new Screen(isTTY), new Screen(isTTY)];
  return { terminal: new Terminal(out, err, {}), out, err };
}

describe('Terminal', () => {
  it.each([
    ['moving the cursor', 'a\u001b[2Jb', 'a\\u{1b}[2Jb'],
    ['going back to the start of the line', 'bad\rgood', 'bad\\u{d}good'],
    ['a title', '\u001b]0;x\u0007', '\\u{1b}]0;x\\u{7}'],
    ['C1 controls', 'a\u009b31mb', 'a\\u{9b}31mb'],
    ['turning the direction', 'a\u202eb', 'a\\u{202e}b'],
    ['nothing but text', 'a\n\tä 𝄞', 'a\n\tä 𝄞'],
  ])('shows a text, and does not obey it: %s', (_, text, shown) => {
    const { terminal: screen, out, err } = terminal(true);
    screen.print(text);
    screen.note(text);
    expect([out.shown, err.shown]).toEqual([`${shown}\n`, `${shown}\n`]);
  });

  it('styles on a terminal and nowhere else', () => {
    for (const isTTY of [true, false]) {
      const { terminal: screen, out } = terminal(isTTY);
      screen.print(screen.style('green', 'reproduced'));
      expect(out.shown).toBe(isTTY ? '\u001b[32mreproduced\u001b[39m\n' : 'reproduced\n');
    }
  });

  it("sets a stranger's lines in, so that none passes for a result", () => {
    expect(quoted('exit 1\nverdict: reproduced')).toBe('exit 1\n  | verdict: reproduced');
  });
});
