import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What went through a witness to a registry. */
export interface Testimony {
  readonly requests: number;
  /** Requests that begin or carry an upload of a blob. */
  readonly uploads: number;
  /** Bytes in their bodies. */
  readonly uploadedBytes: number;
}

/** Stands between a client and a registry while `work` runs, and counts what the client asks for and sends. */
export async function withWitness(registry: string, work: (host: string) => Promise<unknown>): Promise<Testimony> {
  let [requests, uploads, uploadedBytes] = [0, 0, 0];
  const server = createServer((incoming, answer) => {
    requests++;
    const upload = incoming.url?.includes('/blobs/uploads/') ?? false;
    if (upload) uploads++;
    incoming.on('data', (chunk: Buffer) => {
      if (upload) uploadedBytes += chunk.byteLength;
    });
    forward(registry, incoming, answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await work(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return { requests, uploads, uploadedBytes };
}

function forward(registry: string, incoming: IncomingMessage, answer: ServerResponse): void {
  const { method, url, headers } = incoming;
  const onward = request(`http://${registry}${url}`, { method, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  });
  onward.on('error', () => answer.destroy());
  incoming.pipe(onward);
}
