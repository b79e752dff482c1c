export {
  MemoryStorage,
  StorageFaultError,
  type StorageCall,
  type StorageFault,
} from './memory-storage.js';
export { vectorsDir } from './vectors.js';
