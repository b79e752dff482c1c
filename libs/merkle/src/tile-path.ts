import { MerkleError } from './errors.js';
import { isTreeNumber } from './numbers.js';
import { TILE_WIDTH, type TileRef } from './tile.js';

/** The specification reserves levels 0 to 63; trees of safe size reach level 6. */
const MAX_TILE_LEVEL = 63;

/** 2^53-1 has 16 digits, so six groups, and nothing canonical is longer than this. */
const MAX_PATH_LENGTH = 64;

const PATH =
  /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/**
 * The path of a tile of hashes below the log's prefix (C2SP tlog-tiles), `tile/0/x001/067` when
 * full, `tile/0/x001/067.p/15` when 15 hashes wide.
 *
 * @throws MerkleError when level, index or width is out of range
 */
export function tilePath(level: number, index: number, width: number): string {
  if (!Number.isInteger(level) || level < 0 || level > MAX_TILE_LEVEL) {
    throw new MerkleError('level-out-of-range', `tile level ${level} is not within 0 to 63`);
  }
  return `tile/${level}/${indexPath(index)}${widthSuffix(width)}`;
}

/** The path of a bundle of entries, `tile/entries/000` or `tile/entries/000.p/15`. */
export function entriesPath(index: number, width: number): string {
  return `tile/entries/${indexPath(index)}${widthSuffix(width)}`;
}

/** The path of either kind. */
export function pathOfTile(tile: TileRef): string {
  return tile.kind === 'entries'
    ? entriesPath(tile.index, tile.width)
    : tilePath(tile.level, tile.index, tile.width);
}

/**
 * Reads what tilePath and entriesPath write, and nothing else: no leading zero groups, no width
 * of 0 or 256, no slash more or less.
 *
 * @throws MerkleError `tile-path`
 */
export function parseTilePath(path: string): TileRef {
  const match = path.length <= MAX_PATH_LENGTH ? PATH.exec(path) : null;
  if (match === null) throw badPath();
  const [, level, groups, partial] = match;
  const index = Number((groups as string).replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (!isTreeNumber(index) || (partial !== undefined && width >= TILE_WIDTH)) throw badPath();
  if (level !== 'entries' && Number(level) > MAX_TILE_LEVEL) throw badPath();
  const tile: TileRef =
    level === 'entries'
      ? { kind: 'entries', index, width }
      : { kind: 'hash', level: Number(level), index, width };
  // What remains are leading groups of zeros.
  if (pathOfTile(tile) !== path) throw badPath();
  return tile;
}

function badPath(): MerkleError {
  return new MerkleError('tile-path', 'the path is not the canonical path of a tile or bundle');
}

function indexPath(index: number): string {
  if (!isTreeNumber(index)) {
    throw new MerkleError('index-out-of-range', `tile index ${index} is not within 0 to 2^53-1`);
  }
  let path = digits(index % 1000);
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${digits(rest % 1000)}/${path}`;
  }
  return path;
}

function digits(group: number): string {
  return group.toString().padStart(3, '0');
}

function widthSuffix(width: number): string {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new MerkleError('tile-width', `tile width ${width} is not within 1 to 256`);
  }
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}
