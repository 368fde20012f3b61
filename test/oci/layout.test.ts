import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLayout } from '#oci';
import { repositoryContract } from './contract.ts';

repositoryContract('layout', async () => {
  const root = await mkdtemp(join(tmpdir(), 'layout-'));
  const repository = await openLayout(root, { create: true });
  return {
    repository,
    reopen: async () => {
      await repository.flush();
      return openLayout(root);
    },
    dispose: async () => {
      await repository.close();
      await rm(root, { recursive: true });
    },
  };
});
