import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { digestOf } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { pushArtifact } from './content.ts';
import { RegistryDouble } from './registry-double.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(host: string): Promise<Repository> {
  const repository = await openRepository(parseReference(`${host}/team/app`), { env: {}, retry: { attempts: 1 } });
  closing.push(() => repository.close());
  return repository;
}

test('connections are used again, after a HEAD too', async () => {
  const sockets = new Set<Socket>();
  const double = await RegistryDouble.start({
    fault: (request) => {
      sockets.add(request.socket);
      return false;
    },
  });
  closing.push(() => double.close());
  const repository = await open(double.host);
  const manifest = await pushArtifact(repository, 'x');
  for (let i = 0; i < 5; i++) await repository.resolve(manifest.digest);
  expect(double.count('HEAD', /./)).toBeGreaterThanOrEqual(5);
  // One whose answer is not read to its end yet makes a second.
  expect(sockets.size).toBeLessThanOrEqual(2);
});

test.each([0, 5])('a body that comes with the answer to a HEAD, %d ms later, is no answer', async (laterMs) => {
  const lie = 'HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.index.v1+json\r\ncontent-length: 2\r\n\r\n{}';
  const asked: string[] = [];
  // The client hangs up on a connection on which something comes that it has not asked for.
  const stray = Promise.withResolvers<unknown>();
  if (laterMs === 0) stray.resolve(undefined);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const [line = ''] = String(bytes).split(' HTTP');
      asked.push(line);
      const head = `HTTP/1.1 404 Not Found\r\ncontent-length: ${lie.length}\r\n\r\n`;
      if (!line.startsWith('HEAD')) socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
      else if (laterMs === 0) socket.write(head + lie);
      else {
        socket.write(head);
        socket.once('close', stray.resolve);
        setTimeout(() => socket.write(lie), laterMs);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as { port: number };
  const repository = await open(`127.0.0.1:${port}`);
  const blob = { mediaType: 'application/x', digest: digestOf(Buffer.from('x')), size: 1 };
  expect(await repository.resolve('v1')).toBeUndefined();
  await stray.promise;
  await expect(Array.fromAsync(await repository.fetch(blob))).rejects.toMatchObject({ code: 'ERR_EXPORT_NOT_FOUND' });
  expect(asked).toHaveLength(2);
});
