import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { openRepository } from '#oci/transfer';
import { pushArtifact } from '../../oci/content.ts';
import { RegistryDouble } from '../../oci/registry-double.ts';
import { cli, cliJson } from '../command-line.ts';

let double: RegistryDouble;
let place: string;
let repository: Repository;
let root: Descriptor;
beforeEach(async () => {
  double = await RegistryDouble.start();
  place = `${double.host}/team/app`;
  repository = await openRepository(parseReference(place));
  root = await pushArtifact(repository, 'root');
  await repository.tag(root, 'v1');
});
afterEach(async () => {
  await repository.close();
  await double.close();
});

test('a referrer that is listed but missing is marked, with what refers to it', async () => {
  const lost = await pushArtifact(repository, 'lost', { subject: root });
  const kept = await pushArtifact(repository, 'kept', { subject: lost });
  double.fault = (request, response, path) => {
    if (request.method === 'GET' || !path.endsWith(lost.digest)) return false;
    response.writeHead(404).end();
    return true;
  };
  const tree = await cliJson('discover', `${place}:v1`);
  expect(tree).toMatchObject({
    children: [{ digest: lost.digest, state: 'missing', children: [{ digest: kept.digest }] }],
  });
  const { out } = await cli('discover', `${place}:v1`);
  expect(out.split('\n').find((line) => line.includes(lost.digest))).toMatch(/ {2}missing$/);
  expect(out.split('\n').find((line) => line.includes(kept.digest))).toMatch(/[0-9a-f]$/);
});

test('a chain that is too long is said to go on', async () => {
  let subject = root;
  for (let i = 0; i < 17; i++) subject = await pushArtifact(repository, `link ${i}`, { subject });
  const { out } = await cli('discover', `${place}:v1`);
  expect(out.trimEnd().split('\n')).toHaveLength(17);
  expect(out).toMatch(/not followed further\n$/);
});
