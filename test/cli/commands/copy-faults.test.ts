import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { Descriptor } from '#core';
import { contentOf, packManifest } from '#oci/image';
import { openLayout } from '#oci/layout';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { describe, pushArtifact, pushBytes } from '../../oci/content.ts';
import { RegistryDouble, send } from '../../oci/registry-double.ts';
import { cli } from '../command-line.ts';

let dir: string;
let artifact: Descriptor;
beforeEach(async () => {
  dir = await makeTempDir();
  const layout = await openLayout(join(dir, 'source'), { create: true });
  artifact = await pushArtifact(layout, 'artifact');
  await layout.tag(artifact, 'v1');
  const [config, layer] = [await pushBytes(layout, Buffer.from('{}')), await pushBytes(layout, Buffer.from('other'))];
  const { descriptor, bytes } = packManifest({
    artifactType: 'application/x',
    config,
    layers: [{ ...layer, size: 99 }],
  });
  await layout.push(descriptor, contentOf(bytes));
  await layout.tag(descriptor, 'wrong');
  await layout.close();
});

const blob = (digest: string) => join(dir, 'source/blobs/sha256', digest.slice(7));
const copied = (tag: string) => cli('copy', `oci:${dir}/source:${tag}`, `oci:${dir}/copy:1`);
const layer = () => describe(Buffer.from('artifact')).digest;

test('what is missing at the source is to be pushed again', async () => {
  await rm(blob(layer()));
  const { status, out, err } = await copied('v1');
  expect(status).toBe(1);
  expect(out).toContain(`missing at the source: ${layer()}`);
  expect(err).toMatch(/1 missing at the source.*\nhint: push missing content/);
});

test('what is damaged at the source is not called missing', async () => {
  await writeFile(blob(layer()), 'ARTIFACT');
  const { status, out, err } = await copied('v1');
  expect(status).not.toBe(0);
  expect(out).toContain(`damaged at the source: ${layer()}`);
  expect(out + err).not.toMatch(/[1-9] missing|push missing content/);
  expect(err).toMatch(/1 damaged at the source.*\nhint: replace damaged content/);
});

test('what is named with a wrong size is not called missing', async () => {
  const { status, out, err } = await copied('wrong');
  expect(status).not.toBe(0);
  expect(out).toContain('of a wrong size at the source: ');
  expect(out + err).not.toMatch(/[1-9] missing|push missing content/);
});

test('--all-tags: a name that cannot be a tag is told, and the others are copied', async () => {
  const double = await RegistryDouble.start();
  try {
    await cli('copy', '--all-tags', `oci:${dir}/source`, `${double.host}/app`);
    double.fault = (_request, response, path) => {
      if (!path.includes('/tags/list')) return false;
      send(response, 200, {}, Buffer.from('{"name":"app","tags":["v1","-bad"]}'));
      return true;
    };
    const { status, out } = await cli('copy', '--all-tags', `${double.host}/app`, `oci:${dir}/copy`);
    expect(status).not.toBe(0);
    expect(out).toMatch(/-bad.*not a valid tag/);
    expect((await cli('ls', `oci:${dir}/copy`)).out).toBe('v1\n');
  } finally {
    await double.close();
  }
});
