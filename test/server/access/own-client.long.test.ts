import { join } from 'node:path';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { startServer } from '#server';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { repositoryContract } from '../../oci/contract.ts';
import { serverIdentity } from '../../oci/identities.ts';
import { writeCertificate } from '../certificate-files.ts';
import { alice, writeUsers } from './users.ts';

repositoryContract('our client and server, with a login and over TLS', async () => {
  const here = await makeTempDir();
  const [htpasswdFile, tls] = [await writeUsers(here), await writeCertificate(here, serverIdentity)];
  const server = await startServer({ dataDir: join(here, 'data'), port: 0, htpasswdFile, tls, anonymousRead: true });
  const options = {
    env: {},
    plainHttp: false,
    tls: { ca: serverIdentity.cert },
    credential: { kind: 'password' as const, ...alice },
  };
  const open = () => openRepository(parseReference(`${server.address}/team/app`), options);
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
