export { isPrivateAddress, publicLookup } from './address.js';
export { OciError, type OciErrorCode } from './errors.js';
