export {
  compressCertificate,
  COMPRESSED_SIZE,
  expandCertificate,
  SERIAL_SOURCE,
  type CertificateInputs,
  type CertificateTemplate,
  type SerialSource,
  type TemplateElement,
} from './certificate/compressed.js';
export {
  DEVICE_PLACEHOLDER,
  expandDeviceCertificate,
  issueDeviceCertificate,
  MAX_ORGANISATION_BYTES,
  rawSignature,
  TEMPLATE_ID,
  templateIdOf,
  templateOfCertificate,
  type DeviceIdentity,
} from './certificate/device-certificate.js';
export {
  CONFIG,
  factoryConfiguration,
  isConfigLocked,
  isDataLocked,
  isSlotLocked,
  parseKeyConfig,
  parseSlotConfig,
  keyConfigValue,
  serialNumber,
  slotConfigValue,
  type KeyConfig,
  type SlotConfig,
} from './configuration.js';
export { COUNTER_MAX, encodeCounter } from './counter-encoding.js';
export { crc16 } from './crc16.js';
export type { KeyConfiguration } from './digests.js';
export { Atecc608Error, type Atecc608ErrorCode } from './errors.js';
export {
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  MAX_COMMAND_SIZE,
  MAX_RESPONSE_SIZE,
  WORD_ADDRESS,
  type Command,
} from './frame.js';
export { I2cTransport, type I2cBus, type I2cOptions } from './i2c-transport.js';
export { ModelTransport } from './model-transport.js';
export type { RandomSource } from './model/chip.js';
export { ChipModel, type ChipModelOptions } from './model/chip-model.js';
export { EEPROM_SIZE, type WriteHook } from './model/eeprom.js';
export { seededRandom } from './model/seeded-random.js';
export { OPCODE } from './opcode.js';
export { verifyDigest } from './p256.js';
export { Atecc608Session, type SessionOptions } from './session.js';
export {
  attestationContext,
  attestCounter,
  counterAttestationDigest,
  generateKey,
  publicKey,
  readEncrypted,
  readPublicKey,
  signDigest,
  writeEncrypted,
  writePublicKey,
  type AccessKey,
  type CounterAttestation,
  type CounterStatement,
} from './session-keys.js';
export {
  validateExternal,
  validatePublicKey,
  validationDigest,
  verifyExternal,
  verifyStored,
  type IoProtection,
} from './session-verify.js';
export { chipSigner } from './signer.js';
export { STATUS, statusName, type StatusName } from './status.js';
export { StreamDecoder, type StreamEvent } from './stream.js';
export type { Transport } from './transport.js';
export { encodeAddress, SLOT_SIZES, ZONE, type Zone } from './zone.js';
