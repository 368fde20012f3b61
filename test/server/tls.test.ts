import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import { expect, test, vi } from 'vitest';
import { describe, noise } from '../oci/content.ts';
import { clientIdentity, serverIdentity } from '../oci/identities.ts';
import { writeCertificate } from './certificate-files.ts';
import { serving } from './serving.ts';

const { start, folder } = serving();

interface Answer {
  readonly status: number | undefined;
  readonly body: Buffer;
}

async function ask(url: string, options: { method?: string; body?: Uint8Array } = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(url, { method: options.method ?? 'GET', ca: serverIdentity.cert, agent: false }, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }));
  });
  sent.on('error', reject);
  sent.end(options.body);
  return await promise;
}

/** The certificate that a server shows now, whatever it is worth. */
async function shownAt(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const shown = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
  socket.destroy();
  return shown;
}

test('a large blob goes there and back over TLS', async () => {
  const { url } = await start({ tls: await writeCertificate(await folder(), serverIdentity) });
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const bytes = noise(3_000_000);
  const { digest } = describe(bytes);
  const pushed = await ask(`${url}/v2/a/b/blobs/uploads/?digest=${digest}`, { method: 'POST', body: bytes });
  expect(pushed.status).toBe(201);
  const { status, body } = await ask(`${url}/v2/a/b/blobs/${digest}`);
  expect({ status, same: Buffer.compare(body, bytes) }).toEqual({ status: 200, same: 0 });
});

test('plain http gets no answer, and a silent connection is cut', async () => {
  const { port } = await start({ tls: await writeCertificate(await folder(), serverIdentity), idleMs: 300 });
  await expect(fetch(`http://127.0.0.1:${port}/v2/`)).rejects.toThrow();
  const silent = connectPlain({ host: '127.0.0.1', port });
  await new Promise((resolve) => silent.once('close', resolve).resume());
});

test('a certificate that was renewed is shown without a restart; a damaged one is not taken', async () => {
  const here = await folder();
  const files = await writeCertificate(here, serverIdentity);
  const notices: string[] = [];
  const { port } = await start({ tls: { ...files, pollEveryMs: 20 }, notice: (text) => notices.push(text) });
  const first = new X509Certificate(serverIdentity.cert).fingerprint256;
  const second = new X509Certificate(clientIdentity.cert).fingerprint256;
  expect(await shownAt(port)).toBe(first);
  await writeFile(files.certFile, 'damaged');
  await vi.waitFor(
    () => expect(notices.at(-1)).toMatch(/not a valid certificate with its key; the previous certificate/),
    {
      timeout: 10_000,
    },
  );
  expect(await shownAt(port)).toBe(first);
  await writeCertificate(here, clientIdentity);
  await vi.waitFor(async () => expect(await shownAt(port)).toBe(second), { timeout: 10_000 });
  expect(notices.at(-1)).toMatch(/tls\.crt: reloaded$/);
});

test('what is no certificate and its key does not start a server', async () => {
  const here = await folder();
  const pairs = [
    { cert: serverIdentity.cert, key: clientIdentity.key },
    { cert: 'nothing', key: serverIdentity.key },
    { cert: serverIdentity.cert, key: '' },
  ];
  for (const pair of pairs) {
    const refused = start({ tls: await writeCertificate(here, pair) });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_EXPORT_KEY_INVALID' });
  }
  const tls = { ...(await writeCertificate(here, serverIdentity)), keyFile: `${here}/none` };
  await expect(start({ tls })).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
});
