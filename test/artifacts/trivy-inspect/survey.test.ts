import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { surveyTrivyDb } from '#artifacts';
import { makeTempDir } from '../../fixtures/temp-dir.ts';
import { json, writeTree } from '../trivy-merge/fixture.ts';

test('surveyTrivyDb counts keys, bytes and packages of each bucket, and knows sources and ages', async () => {
  const path = await writeTree(join(await makeTempDir(), 'a.db'), {
    'Red Hat CPE': { cpe: { '0': '"c"' }, repository: { r: '[0]', s: '[1]' } },
    'data-source': { 'npm::acme': json({ ID: 'acme', Name: 'Acme', URL: 'https://acme.example/' }), wolfi: 'not JSON' },
    'npm::acme': { a: { 'CVE-1': '{}' }, b: { 'CVE-1': '{}', 'CVE-2': '{}' } },
    vulnerability: {
      'CVE-1': json({ PublishedDate: '2024-01-01T00:00:00Z', LastModifiedDate: '2025-01-01T00:00:00Z' }),
      'CVE-2': json({ PublishedDate: '2020-01-01T00:00:00Z', LastModifiedDate: 'yesterday' }),
    },
  });
  const { buckets, ...survey } = await surveyTrivyDb({ path });
  expect(survey).toEqual({
    keys: 10,
    bytes: buckets.reduce((sum, { bytes }) => sum + bytes, 0),
    vulnerabilities: 2,
    published: { oldest: '2020-01-01T00:00:00Z', newest: '2024-01-01T00:00:00Z' },
    modified: { oldest: '2025-01-01T00:00:00Z', newest: '2025-01-01T00:00:00Z' },
  });
  expect(buckets.find(({ name }) => name === 'npm::acme')).toEqual({
    name: 'npm::acme',
    keys: 3,
    bytes: 21,
    packages: 2,
    source: { id: 'acme', name: 'Acme', url: 'https://acme.example/' },
  });
  expect(buckets.find(({ name }) => name === 'Red Hat CPE')).toMatchObject({ keys: 3, packages: 2 });
});

test('surveyTrivyDb refuses what is not a bbolt file', async () => {
  const path = join(await makeTempDir(), 'a.db');
  await writeFile(path, Buffer.alloc(20_000));
  await expect(surveyTrivyDb({ path })).rejects.toMatchObject({ code: 'ERR_EXPORT_CONTENT_MISMATCH' });
});
