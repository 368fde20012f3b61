import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { startServer } from '#server';
import { repositoryContract } from './contract.ts';

repositoryContract('our client and server', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'oci-server-'));
  const server = await startServer({ dataDir, port: 0 });
  const open = () => openRepository(parseReference(`${server.address}/team/app`), { env: {} });
  const repository = await open();
  return {
    repository,
    reopen: open,
    dispose: async () => {
      await repository.close();
      await server.close(0);
      await rm(dataDir, { recursive: true });
    },
  };
});
