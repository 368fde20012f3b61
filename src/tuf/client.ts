// Public entry of client/: what verifies a repository.

export { refreshRepository } from './client/refresh.ts';
export { verifySuccessor } from './client/roots.ts';
export { directorySource, type TufSource } from './client/source.ts';
export { directoryState, memoryState } from './client/state.ts';
