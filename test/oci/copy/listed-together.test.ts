import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { parseReference, type Repository } from '#oci/image';
import { type Layout, openLayout } from '#oci/layout';
import { type CopyReport, copy, openRepository } from '#oci/transfer';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { listAll, pushArtifact } from '../content.ts';
import { RegistryDouble, sendError } from '../registry-double.ts';

let root: string;
let source: Layout;
let double: RegistryDouble;
let target: Repository;
let subject: Descriptor;
let referrers: Descriptor[];

beforeEach(async () => {
  root = await makeTempDir();
  source = await openLayout(join(root, 'source'), { create: true });
  double = await RegistryDouble.start({ referrers: false });
  target = await openRepository(parseReference(`${double.host}/a`), { env: {}, retry: { attempts: 1 } });
  subject = await pushArtifact(source, 'subject');
  referrers = [];
  for (const text of ['one', 'two', 'three', 'four']) referrers.push(await pushArtifact(source, text, { subject }));
});

afterEach(async () => {
  await source.close();
  await target.close();
  await double.close();
});

const tagOf = ({ digest }: Descriptor) => digest.replace(':', '-');
const writes = (of: Descriptor) => double.count('PUT', new RegExp(`/manifests/${tagOf(of)}$`));
const digests = (all: readonly Descriptor[]) => all.map(({ digest }) => digest).sort();
const copyAll = (): Promise<CopyReport> => copy(source, target, [subject], { referrers: true, keepGoing: true });
const listed = async (of: Descriptor) => digests(await listAll(target.referrers(of.digest)));

test('the referrers of a manifest are listed under its fallback tag by one writing', async () => {
  const onReferrer = await pushArtifact(source, 'on a referrer', { subject: referrers[0] as Descriptor });
  const report = await copyAll();
  expect(digests(report.referrers.map(({ descriptor }) => descriptor))).toEqual(digests([...referrers, onReferrer]));
  expect(await listed(subject)).toEqual(digests(referrers));
  expect(await listed(referrers[0] as Descriptor)).toEqual([onReferrer.digest]);
  expect([writes(subject), writes(referrers[0] as Descriptor)]).toEqual([1, 1]);
  await copyAll();
  expect(writes(subject)).toBe(1);
});

test('where tags are immutable, all referrers are listed', async () => {
  double.fault = (request, response, path) => {
    const tag = /\/manifests\/([^:/]+)$/.exec(path)?.[1];
    if (request.method !== 'PUT' || tag === undefined || !double.tags.has(`a ${tag}`)) return false;
    request.resume();
    sendError(response, 400, 'TAG_INVALID');
    return true;
  };
  for (let run = 0; run < 2; run++) {
    expect((await copyAll()).refused).toEqual([]);
    expect(await listed(subject)).toEqual(digests(referrers));
  }
});

test('a list that is refused is a refusal of each that it would have named', async () => {
  double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith(tagOf(subject))) return false;
    request.resume();
    sendError(response, 403, 'DENIED');
    return true;
  };
  const keepGoing = await copyAll().catch((error: unknown) => error);
  expect(keepGoing).toMatchObject({ code: 'ERR_EXPORT_FORBIDDEN' });
  double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith(tagOf(subject))) return false;
    request.resume();
    sendError(response, 400, 'MANIFEST_INVALID');
    return true;
  };
  const { refused, referrers: copied } = await copyAll();
  expect(digests(refused.map(({ descriptor }) => descriptor as Descriptor))).toEqual(digests(referrers));
  expect(copied).toEqual([]);
});

test('what a run pushed and did not list, the next one lists', async () => {
  double.fault = (request, response, path) => {
    if (request.method !== 'PUT' || !path.endsWith(tagOf(subject))) return false;
    request.resume();
    sendError(response, 400, 'MANIFEST_INVALID');
    return true;
  };
  await copyAll();
  double.fault = undefined;
  expect(await listed(subject)).toEqual([]);
  expect((await copyAll()).bytesSent).toBe(0);
  expect(await listed(subject)).toEqual(digests(referrers));
});
