import 'reflect-metadata';

export { Environment, EnvironmentError, readEnvironment } from './environment.js';
export { startCoordinator, type Coordinator, type CoordinatorOptions } from './start.js';
