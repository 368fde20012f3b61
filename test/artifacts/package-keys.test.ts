import { expect, test } from 'vitest';
import { canonicalSwiftName, crateKeys, nugetKeys, pypiKeys, swiftKeys } from '../../src/artifacts/package-keys.ts';

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

test('a package of NuGet has a key for the name as the record has it and one in lower case', () => {
  expect(nugetKeys('Newtonsoft.Json')).toEqual(['newtonsoft.json', 'Newtonsoft.Json']);
  expect(nugetKeys('nunit')).toEqual(['nunit']);
});

test.each([
  'https://github.com/Acme/Web.git',
  'https://github.com/Acme/Web',
  'github.com/Acme/Web.git',
  'github.com/Acme/Web',
])('a Swift package at %s has the place without scheme and suffix as key, in both cases', (name) => {
  expect(swiftKeys(name)).toEqual(['github.com/Acme/Web', 'github.com/acme/web']);
  expect(canonicalSwiftName(name)).toBe('github.com/acme/web');
});
