import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRepository, parseReference } from '#oci';
import { repositoryContract } from './contract.ts';

repositoryContract('archive', async () => {
  const root = await mkdtemp(join(tmpdir(), 'archive-'));
  const reference = parseReference(`oci-archive:${join(root, 'kit.tar')}`);
  const repository = await openRepository(reference, { create: true });
  return {
    repository,
    reopen: async () => {
      await repository.flush?.();
      return openRepository(reference);
    },
    dispose: async () => {
      await repository.close();
      await rm(root, { recursive: true });
    },
  };
});
