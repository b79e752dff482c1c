import { checkFitsSymbol } from '@touchstone/airgap';
import encodeQR from 'qr';

/** Light modules around the symbol, ISO/IEC 18004 section 6.3.8. */
const QUIET_ZONE = 4;
const MODULE_MM = 0.8;

/**
 * The modules of a QR code with its quiet zone, true for dark, row by row. Of levels M and L the first
 * that holds the text: a sheet that was folded still reads.
 *
 * @param text of base45's characters
 * @throws AirgapError `slip-too-large`
 */
export function symbolModules(text: string): boolean[][] {
  checkFitsSymbol(text);
  for (const ecc of ['medium', 'low'] as const) {
    try {
      return encodeQR(text, 'raw', { ecc, encoding: 'alphanumeric', border: QUIET_ZONE });
    } catch (error) {
      if (ecc === 'low') throw error;
    }
  }
  return [];
}

/** As SVG that is printed at a size which a phone reads. */
export function symbolSvg(text: string): string {
  const rows = symbolModules(text);
  const size = rows.length;
  const path = rows.map((row, y) => runsOf(row, y)).join('');
  const mm = (size * MODULE_MM).toFixed(1);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${mm}mm" height="${mm}mm" viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">` +
    `<rect width="${size}" height="${size}" fill="#fff"/><path fill="#000" d="${path}"/></svg>\n`
  );
}

/** Dark modules that touch are one rectangle, so that no hairlines show between them. */
function runsOf(row: readonly boolean[], y: number): string {
  let path = '';
  for (let x = 0; x < row.length; x++) {
    const from = x;
    while (row[x] === true) x++;
    if (x > from) path += `M${from} ${y}h${x - from}v1H${from}z`;
  }
  return path;
}

/**
 * For a terminal: half blocks, two modules in a character. Light modules are drawn, as on a dark
 * terminal; on a light one the symbol is inverted, which most readers take too.
 */
export function symbolLines(text: string): string[] {
  const rows = symbolModules(text);
  const lines: string[] = [];
  for (let y = 0; y < rows.length; y += 2) {
    const [upper = [], lower = []] = [rows[y], rows[y + 1]];
    const blocks = upper.map((dark, x) => BLOCKS[(dark ? 0 : 1) + (lower[x] === false ? 2 : 0)]);
    lines.push(blocks.join(''));
  }
  return lines;
}

/** What is light: nothing, the upper half, the lower, both. */
const BLOCKS = [' ', '▀', '▄', '█'] as const;
