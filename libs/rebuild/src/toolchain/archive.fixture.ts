import { gzipSync } from 'node:zlib';

/** One entry of an archive that a test makes. */
export interface Member {
  readonly name: string;
  readonly data?: string | Uint8Array;
  readonly type?: '0' | '1' | '2' | '3' | '5';
  readonly mode?: number;
  readonly link?: string;
}

/** A ustar archive. */
export function tarOf(members: readonly Member[]): Buffer {
  return Buffer.concat([...members.map(block), Buffer.alloc(1024)]);
}

function block({ name, data = '', type = '0', mode = 0o644, link = '' }: Member): Buffer {
  const bytes = Buffer.from(data);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return Buffer.concat([header, bytes, padding]);
}

/** An ar archive as dpkg-deb writes it. */
export function arOf(members: readonly { name: string; data: Uint8Array | string }[]): Buffer {
  const parts = [Buffer.from('!<arch>\n')];
  for (const { name, data } of members) {
    const bytes = Buffer.from(data);
    const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`;
    parts.push(Buffer.from(header, 'latin1'), bytes, Buffer.alloc(bytes.length % 2, '\n'));
  }
  return Buffer.concat(parts);
}

/** A .deb whose files are gzipped. */
export function debOf(members: readonly Member[]): Buffer {
  return arOf([
    { name: 'debian-binary', data: '2.0\n' },
    { name: 'control.tar.gz', data: gzipSync(tarOf([{ name: './control', data: 'x' }])) },
    { name: 'data.tar.gz', data: gzipSync(tarOf(members)) },
  ]);
}
