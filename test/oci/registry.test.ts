import { expect, test } from 'vitest';
import { parseReference } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { repositoryContract } from './contract.ts';
import { RegistryDouble } from './registry-double.ts';

for (const referrers of [true, false]) {
  repositoryContract(`registry ${referrers ? 'with' : 'without'} a referrers API`, async () => {
    const double = await RegistryDouble.start({ referrers });
    const open = () => openRepository(parseReference(`${double.host}/team/app`), { retry: { attempts: 2 }, env: {} });
    const repository = await open();
    return {
      repository,
      reopen: open,
      dispose: async () => {
        await repository.close();
        await double.close();
      },
    };
  });
}

test('refuses a host that a URL cannot have, by its name', async () => {
  const opened = (async () => openRepository(parseReference('main.1/app'), { env: {} }))();
  const fault = { code: 'ERR_EXPORT_REFERENCE_INVALID', message: expect.stringContaining('main.1') as string };
  await expect(opened).rejects.toMatchObject(fault);
});
