import type { MirrorRequest, MirrorRun } from '#mirror';
import type { RunProfile } from './profile.ts';

/** Repositories of a registry as they are, with all that hangs on them: copied, never built. */
export const mirrorFull: RunProfile<MirrorRequest, MirrorRun> = {
  name: 'mirror:full',
  revision: 'r1',
  summary: 'repositories of a registry with referrers and signatures, as a snapshot from which kits are exported',
  command: 'mirror snapshot',
  // Whoever builds bundles does without mirrors.
  run: async (request) => (await import('#mirror')).runMirror(request),
};
