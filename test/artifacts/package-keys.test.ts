import { expect, test } from 'vitest';
import { crateKeys, pypiKeys } from '../../src/artifacts/package-keys.ts';

test.each([
  ['Django', ['django']],
  ['acme.billing', ['acme-billing', 'acme.billing']],
  ['Acme_Billing', ['acme-billing', 'acme.billing']],
  ['a__b', ['a-b', 'a.b', 'a--b']],
  ['a-b.c', ['a-b-c', 'a.b-c', 'a-b.c', 'a.b.c']],
])('a package of PyPI called %s has the keys %j', (name, keys) => {
  expect(pypiKeys(name).toSorted()).toEqual(keys.toSorted());
});

test('names with many separators have few keys, that of the record among them', () => {
  const name = 'a.b-c.d-e.f';
  expect(pypiKeys(name)).toEqual([
    'a-b-c-d-e-f',
    'a.b-c-d-e-f',
    'a.b.c-d-e-f',
    'a.b.c.d-e-f',
    'a.b.c.d.e-f',
    'a.b.c.d.e.f',
    name,
  ]);
  expect(pypiKeys('a-'.repeat(2000))).toEqual(['a-'.repeat(2000), 'a.'.repeat(2000)]);
});

test('a crate has a key for each separator', () => {
  expect(crateKeys('Acme_parse-core')).toEqual(['acme_parse-core', 'acme-parse-core', 'acme_parse_core']);
  expect(crateKeys('serde')).toEqual(['serde']);
});
