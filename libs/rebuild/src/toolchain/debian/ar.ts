import { RebuildError } from '../../errors.js';

/**
 * Reads the outer archive of a .deb (deb(5), the common ar format): a magic line, and for each
 * member a header of 60 bytes and its data, padded to even length.
 */

const MAGIC = '!<arch>\n';
const HEADER = 60;
const MAX_MEMBERS = 16;

export interface ArMember {
  readonly name: string;
  /** A view into the archive. */
  readonly data: Uint8Array;
}

/** @throws RebuildError `package-malformed` */
export function readAr(archive: Uint8Array): ArMember[] {
  const buffer = Buffer.from(archive.buffer, archive.byteOffset, archive.length);
  if (buffer.toString('latin1', 0, MAGIC.length) !== MAGIC) throw malformed('no ar archive');
  const members: ArMember[] = [];
  let offset = MAGIC.length;
  while (offset < buffer.length) {
    if (members.length >= MAX_MEMBERS) throw malformed(`over ${MAX_MEMBERS} members`);
    const header = buffer.toString('latin1', offset, offset + HEADER);
    const digits = header.slice(48, 58).trimEnd();
    if (header.length < HEADER || !header.endsWith('`\n') || !/^\d{1,10}$/.test(digits))
      throw malformed(`the member header at ${offset} is none`);
    const start = offset + HEADER;
    const size = Number(digits);
    if (size > buffer.length - start) throw malformed('a member is cut off');
    // GNU ar ends names with a slash, dpkg does not.
    members.push({
      name: header.slice(0, 16).trimEnd().replace(/\/$/, ''),
      data: archive.subarray(start, start + size),
    });
    offset = start + size + (size % 2);
  }
  return members;
}

function malformed(what: string): RebuildError {
  return new RebuildError('package-malformed', `the Debian package is malformed: ${what}`);
}
