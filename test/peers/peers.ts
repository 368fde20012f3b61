export { type DockerRegistry, registryConfig, registryLogin, startDockerRegistry } from './docker-registry.ts';
export { peerNames, peerPath, peerPin, pins, requirePeer } from './find.ts';
export { describePeers, testPeers } from './gate.ts';
export { buildReferenceDb } from './reference-db.ts';
export { type RunResult, runCommand, runPeer } from './run.ts';
export { runWithoutRoute } from './without-route.ts';
