import { expect, test } from 'vitest';
import { CodedError } from '#core';
import { createApp, singleTenant } from '#server';
import { Logins } from '../../../src/server/access/logins.ts';
import { apiProblemOf, encodeApiProblem } from '../../../src/server/api/problem.ts';
import { readJson } from '../../core/read-json.ts';
import { memoryStorage } from '../../oci/store/contract/storage.ts';
import { writeUsers } from '../access/users.ts';
import { problem } from '../registry.ts';
import { serving } from '../serving.ts';

const { folder } = serving();

async function read(response: Response | Promise<Response>) {
  const { status, headers } = await response;
  return { status, type: headers.get('content-type'), body: readJson(await (await response).text()) };
}

const problemOf = (status: number, code: string) => ({
  status,
  type: 'application/problem+json',
  body: expect.objectContaining({ status, code }) as object,
});

test('errors of the API are problem documents, those of the registry the codes of the distribution-spec', async () => {
  const storeFor = singleTenant(await (await memoryStorage()).open());
  const app = createApp({ storeFor });
  for (const path of ['/v1', '/v1/', '/v1/anything']) {
    expect(await read(app.request(path))).toEqual(problemOf(404, 'ERR_EXPORT_NOT_FOUND'));
  }
  for (const path of ['/v10', '/', '/v2/a', '/healthz/x']) {
    expect(await problem(app.request(path)), path).toBe('404 UNSUPPORTED');
  }
  expect((await app.request('/healthz')).status).toBe(200);
  expect((await app.request('/readyz')).status).toBe(200);
});

test('the API asks for a login as the registry does; health does not', async () => {
  const storeFor = singleTenant(await (await memoryStorage()).open());
  const logins = await Logins.open(await writeUsers(await folder()));
  const app = createApp({ storeFor, access: { logins } });
  const response = await app.request('/v1/anything');
  expect(response.headers.get('www-authenticate')).toMatch(/^Basic /);
  expect(await read(response)).toEqual(problemOf(401, 'ERR_EXPORT_UNAUTHORIZED'));
  expect(await problem(app.request('/v2/'))).toBe('401 UNAUTHORIZED');
  expect((await app.request('/healthz')).status).toBe(200);
  await logins.close();
});

test('what is not the fault of a client says nothing of what it was', async () => {
  const fault = new CodedError('ERR_EXPORT_IO', '/data/registry/x: read error');
  for (const error of [fault, new Error('/data')]) {
    const encoded = await read(encodeApiProblem(apiProblemOf(error)));
    expect(encoded).toEqual(problemOf(500, 'ERR_EXPORT_INTERNAL'));
    expect(JSON.stringify(encoded.body)).not.toContain('/data');
  }
  const known = new CodedError('ERR_EXPORT_NOT_FOUND', 'no run 7', { hint: 'list the runs' });
  expect((await read(encodeApiProblem(apiProblemOf(known)))).body).toEqual({
    type: 'https://stellaops.io/export-center/errors/ERR_EXPORT_NOT_FOUND',
    title: 'Not Found',
    status: 404,
    detail: 'no run 7',
    code: 'ERR_EXPORT_NOT_FOUND',
    hint: 'list the runs',
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
  });
});

test('a server whose tenant has no store is not ready', async () => {
  expect((await createApp({ storeFor: () => undefined }).request('/readyz')).status).toBe(503);
});
