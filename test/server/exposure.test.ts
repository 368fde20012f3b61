import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serverIdentity } from '../oci/identities.ts';
import { alice, basic, writeUsers } from './access/users.ts';
import { writeCertificate } from './certificate-files.ts';
import { serving } from './serving.ts';

const { start, folder } = serving();

test.each([
  { host: '0.0.0.0' },
  { host: '::' },
  { host: '192.0.2.1' },
  { host: 'registry.example' },
  { host: '127.0.0.1', behindProxy: true },
  { host: '0.0.0.0', deletes: false },
])('%o: without users and not read-only it does not start, and makes nothing', async (options) => {
  const dataDir = await folder();
  await expect(start({ dataDir, ...options })).rejects.toMatchObject({
    code: 'ERR_EXPORT_USAGE',
    hint: expect.stringMatching(/--htpasswd FILE.*--read-only/) as string,
  });
  await expect(stat(join(dataDir, 'registry'))).rejects.toThrow(/ENOENT/);
});

test('read-only it serves anybody, warns of nothing and makes nothing', async () => {
  const dataDir = await folder();
  const { port, readOnly, warnings } = await start({ dataDir, host: '0.0.0.0', readOnly: true });
  expect({ readOnly, warnings }).toEqual({ readOnly: true, warnings: [] });
  const response = await fetch(`http://127.0.0.1:${port}/v2/a/blobs/uploads/`, { method: 'POST' });
  expect(response.status).toBe(405);
  expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200);
  await expect(stat(join(dataDir, 'registry'))).rejects.toThrow(/ENOENT/);
});

test('with users it writes, and warns of passwords in the clear unless something ends TLS', async () => {
  const htpasswdFile = await writeUsers(await folder());
  const clear = await start({ host: '0.0.0.0', htpasswdFile });
  expect(clear.warnings).toEqual([expect.stringMatching(/passwords cross the network unencrypted at 0\.0\.0\.0/)]);
  const headers = basic(alice);
  const push = await fetch(`http://127.0.0.1:${clear.port}/v2/a/blobs/uploads/`, { method: 'POST', headers });
  expect(push.status).toBe(202);
  const tls = await writeCertificate(await folder(), serverIdentity);
  for (const options of [{ tls }, { behindProxy: true }, { host: '127.0.0.1' }]) {
    expect((await start({ host: '0.0.0.0', htpasswdFile, ...options })).warnings).toEqual([]);
  }
});

test('anonymous reads without users are a mistake', async () => {
  await expect(start({ anonymousRead: true })).rejects.toMatchObject({ code: 'ERR_EXPORT_USAGE' });
});
