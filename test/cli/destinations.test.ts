import { beforeEach, expect, test } from 'vitest';
import { openDestinations, parseDestinations, parseSignedAs } from '../../src/cli/export/destinations.ts';
import { makeTempDir } from '../fixtures/temp-dir.ts';

let dir: string;
beforeEach(async () => {
  dir = await makeTempDir();
});

test('parseDestinations: places of each kind, in the order given', () => {
  const references = parseDestinations(['127.0.0.1:5000/a/b:1', 'oci:dir:2', 'oci-archive:file.tar:3']);
  expect(references.map(({ kind, tag }) => [kind, tag])).toEqual([
    ['registry', '1'],
    ['layout', '2'],
    ['archive', '3'],
  ]);
});

test.each([
  ['127.0.0.1:5000/a/b', 'ERR_EXPORT_REFERENCE_INVALID', 'tag missing'],
  ['oci:dir', 'ERR_EXPORT_REFERENCE_INVALID', 'tag missing'],
  ['a/b:1', 'ERR_EXPORT_REFERENCE_INVALID', 'registry host missing'],
  [`127.0.0.1:5000/a/b:1@sha256:${'0'.repeat(64)}`, 'ERR_EXPORT_USAGE', 'a digest'],
  [`oci:dir:1@sha256:${'0'.repeat(64)}`, 'ERR_EXPORT_USAGE', 'a digest'],
])('parseDestinations: refuses %s', (text, code, message) => {
  expect(() => parseDestinations([text])).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message), hint: expect.any(String) }),
  );
});

test.each(['registry.example/feed:1', 'oci:dir', `registry.example/feed@sha256:${'0'.repeat(64)}`, 'feed'])(
  'parseSignedAs: refuses %s',
  (text) => {
    expect(() => parseSignedAs(text)).toThrow(expect.objectContaining({ hint: expect.any(String) }));
  },
);

test('openDestinations: each place is open, with the name that its signature gets', async () => {
  const references = parseDestinations([`oci:${dir}/a:1`, `oci-archive:${dir}/b.tar:1`]);
  const { list, close } = await openDestinations(references, { signedAs: parseSignedAs('registry.example/feed') });
  expect(list.map(({ reference }) => reference)).toEqual(references);
  expect(list.map(({ signedAs }) => signedAs)).toEqual(['registry.example/feed', 'registry.example/feed']);
  await close();
});
