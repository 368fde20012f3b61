import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { addGuard } from '../../../src/server/access/guard.ts';
import { LoginThrottle } from '../../../src/server/access/login-throttle.ts';
import { Logins } from '../../../src/server/access/logins.ts';
import { SharedCheck } from '../../../src/server/access/shared-check.ts';
import type { ServerEnv } from '../../../src/server/context.ts';
import { serving } from '../serving.ts';
import { alice, basic, writeUsers } from './users.ts';

const { folder } = serving();

test('a login is dropped from the queue when its client closes the connection', async () => {
  const throttle = new LoginThrottle();
  const logins = await Logins.open(await writeUsers(await folder()), { throttle });
  const app = new Hono<ServerEnv>();
  addGuard(app, { logins });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Holds the only place where checks run, so that the login waits.
  const held = Promise.withResolvers<boolean>();
  const holder = throttle.check({ address: 'x', user: 'x' }, () => held.promise);
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(`GET /v2/ HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic(alice).authorization}\r\n\r\n`);
  await expect.poll(() => throttle.waiting).toBe(1);
  socket.destroy();
  await expect.poll(() => throttle.waiting).toBe(0);
  held.resolve(true);
  await holder;
  server.close();
  await logins.close();
});

test('a check that several requests share goes on until the last client has gone', async () => {
  let signal: AbortSignal | undefined;
  let ended = 0;
  const shared = new SharedCheck(
    (given) => {
      signal = given;
      return new Promise(() => undefined);
    },
    () => ended++,
  );
  const clients = [new AbortController(), new AbortController()];
  const joined = clients.map((client) => shared.join(client.signal));
  clients[0]?.abort(new Error('gone 0'));
  await expect(joined[0]).rejects.toThrow('gone 0');
  expect([signal?.aborted, ended]).toEqual([false, 0]);
  clients[1]?.abort(new Error('gone 1'));
  await expect(joined[1]).rejects.toThrow('gone 1');
  expect([signal?.aborted, ended]).toEqual([true, 1]);
});
