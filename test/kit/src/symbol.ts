import jsqr from 'jsqr';

const SCALE = 3;

/** What another implementation reads out of a QR code that is one SVG path of rectangles. */
export function readSymbolSvg(svg: string): string | undefined {
  const size = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)?.[1]);
  const dark = new Set<number>();
  for (const [, x, y, width] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1H\1z/g)) {
    for (let at = 0; at < Number(width); at++) dark.add(Number(y) * size + Number(x) + at);
  }
  return readModules(size, (x, y) => dark.has(y * size + x));
}

/** Modules with their quiet zone, each as a square of a few pixels. */
export function readModules(
  size: number,
  isDark: (x: number, y: number) => boolean,
): string | undefined {
  const side = size * SCALE;
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (!isDark(Math.floor(x / SCALE), Math.floor(y / SCALE))) continue;
      pixels.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  }
  // Typed as a module with a default, and one function in truth.
  const read = jsqr as unknown as typeof jsqr.default;
  return read(pixels, side, side)?.data;
}
