export { readEnvironment, type WorkerEnvironment } from './environment.js';
export { startWorker, type RunningWorker } from './start.js';
