import { CONFIG } from '../configuration.js';
import { decodeResponse, encodeCommand } from '../frame.js';
import { statusName, type StatusName } from '../status.js';
import { CONFIG_SIZE, OTP_SIZE, SLOT_SIZES } from '../zone.js';
import { ChipModel, factoryImage, type ChipModelOptions } from './chip-model.js';
import { seededRandom } from './seeded-random.js';

export interface SlotSetup {
  slotConfig: number;
  keyConfig: number;
  content?: Uint8Array;
}

export interface Setup {
  slots?: Record<number, SlotSetup>;
  /** Bytes of the configuration zone by their offset. */
  config?: Record<number, number>;
  locked?: 'nothing' | 'config' | 'all';
}

/** SlotConfig and KeyConfig of kinds of slots that tests need again and again. */
export const KIND = {
  /** Signs everything, makes ECDH answers, may be made anew. */
  privateKey: { slotConfig: 0x2087, keyConfig: 0x0033 },
  /** Written and read in clear. */
  publicKey: { slotConfig: 0x0000, keyConfig: 0x0030 },
  data: { slotConfig: 0x0000, keyConfig: 0x003c },
  /** Secret, written in clear. */
  secret: { slotConfig: 0x0f8f, keyConfig: 0x003c },
} as const;

/** The EEPROM of a chip with these slots and locks. */
export function imageOf({ slots = {}, config = {}, locked = 'all' }: Setup): Uint8Array {
  const image = factoryImage(seededRandom(Uint8Array.of(1)));
  for (const [key, { slotConfig, keyConfig, content }] of Object.entries(slots)) {
    const slot = Number(key);
    image.set([slotConfig & 0xff, slotConfig >> 8], CONFIG.slotConfig + slot * 2);
    image.set([keyConfig & 0xff, keyConfig >> 8], CONFIG.keyConfig + slot * 2);
    if (content !== undefined) image.set(content, slotOffset(slot));
  }
  for (const [offset, byte] of Object.entries(config)) image[Number(offset)] = byte;
  if (locked !== 'nothing') image[CONFIG.lockConfig] = 0;
  if (locked === 'all') image[CONFIG.lockValue] = 0;
  return image;
}

export function slotOffset(slot: number): number {
  return SLOT_SIZES.slice(0, slot).reduce((sum, size) => sum + size, CONFIG_SIZE + OTP_SIZE);
}

export function chipOf(setup: Setup, options: Partial<ChipModelOptions> = {}): ChipModel {
  return new ChipModel({
    random: seededRandom(Uint8Array.of(2)),
    image: imageOf(setup),
    ...options,
  });
}

/** One command's answer: the name of a status, or data. */
export function ask(
  chip: ChipModel,
  opcode: number,
  p1: number,
  p2: number,
  data: Uint8Array = new Uint8Array(0),
): StatusName | Uint8Array | 'power lost' {
  const response = chip.transact(encodeCommand({ opcode, p1, p2, data }));
  if (response === undefined) return 'power lost';
  const answer = decodeResponse(response);
  return answer.length > 1 ? answer : (statusName(answer[0]!) ?? answer);
}
