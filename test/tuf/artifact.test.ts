import { expect, test } from 'vitest';
import { mediaTypes } from '#core';
import { parseManifest } from '#oci/image';
import { packArtifact, type TufFile } from '../../src/tuf/oci/artifact.ts';
import { describe as describeContent } from '../oci/content.ts';
import { refusal } from './refusal.ts';

const config = describeContent(Buffer.from('{}'), mediaTypes.tufSettings);

function targets(count: number, stream = 'feed'): TufFile[] {
  return Array.from({ length: count }, (_, i) => {
    const descriptor = describeContent(Buffer.from(String(i)), mediaTypes.tufTarget);
    const name = `${descriptor.digest.slice('sha256:'.length)}.${stream}.${i}.json`;
    return { folder: 'targets', name, descriptor } as const;
  });
}

test('a manifest over thousands of files is one that registries and our reader take', () => {
  const { bytes, descriptor } = packArtifact(targets(9_000), config, 1, undefined);
  expect(bytes.length).toBeLessThan(4 * 1024 * 1024);
  const manifest = parseManifest(bytes, descriptor.mediaType, 'it');
  expect(manifest.kind === 'manifest' && manifest.layers.length).toBe(9_000);
});

test.each([
  ['10,001 files', targets(10_001)],
  ['a manifest of more than 4 MiB', targets(9_900, 'x'.repeat(64))],
])('%s are refused, with what to do', (_, files) => {
  expect(() => packArtifact(files, config, 1, undefined)).toThrow(refusal('ERR_EXPORT_TUF_FULL', 'files are more'));
});

test('the same files give the same bytes, and a subject is in them', () => {
  const files = targets(3);
  const subject = describeContent(Buffer.from('x'), mediaTypes.ociManifest);
  expect(packArtifact(files, config, 7, undefined)).toEqual(packArtifact(files, config, 7, undefined));
  const { bytes, descriptor } = packArtifact(files, config, 7, subject);
  expect(parseManifest(bytes, descriptor.mediaType, 'it')).toMatchObject({
    subject,
    artifactType: mediaTypes.tufRepository,
    config,
    annotations: { 'org.opencontainers.image.version': '7' },
  });
});
