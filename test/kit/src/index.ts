export { vectorsDir } from './vectors.js';
