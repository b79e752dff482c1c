export {
  MemoryStorage,
  StorageFaultError,
  type StorageCall,
  type StorageFault,
} from './memory-storage.js';
export { freePort } from './free-port.js';
export { vectorsDir } from './vectors.js';
export { redisServer, startRedis, type RunningRedis } from './redis.js';
export { seeded } from './seeded.js';
export { testSigner } from './signer.js';
export { registryAbsent, startRegistry, type RunningRegistry } from './registry.js';
export { finish, PrivateDocker, whyNoDocker } from './private-docker.js';
export { compile, ROOT } from './compile.js';
export { readModules, readSymbolSvg } from './symbol.js';
export {
  CertificateAuthority,
  FULCIO_OID,
  type KeylessCertificate,
} from './certificate-authority.js';
export { SigstoreInstance, type SignedBundle, type Workflow } from './sigstore.js';
export { componentOf, nestComponents } from './component.js';
export { startNetwork, type RunningNetwork } from './network.js';
export { ORDERS, ORDERS_CACHE, publishOrders, type Orders, type OrdersPart } from './orders.js';
export { startPackageRegistry, type PackageRegistry } from './package-registry.js';
export { buyer, till } from './till.js';
