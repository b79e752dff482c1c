export { run } from './main.js';
export {
  startNetwork,
  type LocalRebuilder,
  type Network,
  type NetworkOptions,
} from './stack/network.js';
