export { publicKeyFromSpki } from '@touchstone/note';
export { KeyError, type KeyErrorCode } from './errors.js';
export { readPrivateKey, writePrivateKey } from './key-file.js';
export { nodeVerifier } from './node-verifier.js';
export { generateKey, privateKeyFromPem, type PrivateKey } from './private-key.js';
export { publicKeyFromPem, publicKeyToPem } from './public-key-pem.js';
export { ecdsaDigestCheck } from './ecdsa-digest.js';
export { isSecret, readSecret, readSecretKey, secretSource, type SecretSource } from './secret.js';
