import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from './access/client-address.ts';

/** How many connections are accepted. */
export interface ConnectionLimits {
  /** For each client: an IPv4 address, or an IPv6 /64. Undefined behind a reverse proxy. */
  readonly perClient: number | undefined;
  readonly total: number;
}

/** Closes connections beyond the limits as soon as they are opened. */
export function limitConnections(server: Server, { perClient, total }: ConnectionLimits): void {
  server.maxConnections = total;
  if (perClient === undefined) return;
  const open = new Map<string, number>();
  server.prependListener('connection', (socket: Socket) => {
    const client = networkOf(socket.remoteAddress ?? '');
    const count = (open.get(client) ?? 0) + 1;
    open.set(client, count);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left === 0) open.delete(client);
      else open.set(client, left);
    });
    if (count > perClient) socket.destroy();
  });
}
