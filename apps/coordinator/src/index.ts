import 'reflect-metadata';

export { EnvironmentError } from './environment.js';
export { startCoordinator, type Coordinator, type CoordinatorOptions } from './start.js';
