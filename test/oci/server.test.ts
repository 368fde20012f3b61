import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { startServer } from '#server';
import { makeTempDir } from '../fixtures/temp-dir.ts';
import { repositoryContract } from './contract.ts';

repositoryContract('our client and server', async () => {
  const dataDir = await makeTempDir();
  const server = await startServer({ dataDir, port: 0 });
  const open = () => openRepository(parseReference(`${server.address}/team/app`), { env: {} });
  const repository = await open();
  return {
    repository,
    reopen: open,
    dispose: async () => {
      await repository.close();
      await server.close(0);
    },
  };
});
