import { expect, test } from 'vitest';
import type { Digest, Instant } from '#core';
import { type HashedInputs, inputsHashOf, rerunHashOf } from '../../src/export/hashes.ts';

const digest = `sha256:${'ab'.repeat(32)}` as Digest;

const inputs: HashedInputs = {
  adapters: [{ name: 'json-raw', version: 1 }],
  asOf: '2026-08-22T00:00:00Z' as Instant,
  inputs: { classes: { advisories: { count: 2, digest } }, options: { skipInvalid: false } },
  profile: { kind: 'json', variant: 'raw', name: 'json:raw', revision: 'r1' },
  selector: { ecosystems: ['Go'] },
  tenant: 'default',
};

/**
 * The text, written out by hand and given to sha256sum:
 *
 *   printf 'export-center/inputs/v1\n%s' '{"adapters":[{"name":"json-raw","version":1}],"asOf":"2026-08-22T00:00:00Z",
 *     "inputs":{"classes":{"advisories":{"count":2,"digest":"sha256:abab…"}},"options":{"skipInvalid":false}},"profile":
 *     {"kind":"json","name":"json:raw","revision":"r1","variant":"raw"},"selector":{"ecosystems":["Go"]},
 *     "tenant":"default"}'
 */
const INPUTS_HASH = 'sha256:a971acf0811ce45b6543e3c279c9500799e3a1aff9b71bbfb79386f7104262e3';

test('inputsHash: as written out by hand', () => {
  expect(inputsHashOf(inputs)).toBe(INPUTS_HASH);
});

test('inputsHash: neither the order of members nor members that it does not cover count', () => {
  const turned = Object.fromEntries(Object.entries({ ...inputs, contents: [], rerunHash: digest }).reverse());
  expect(inputsHashOf(turned as unknown as HashedInputs)).toBe(INPUTS_HASH);
});

test.each<[string, Partial<HashedInputs>]>([
  ['adapters', { adapters: [{ name: 'json-raw', version: 2 }] }],
  ['asOf', { asOf: '2026-08-22T00:00:01Z' as Instant }],
  ['inputs', { inputs: { ...inputs.inputs, options: { skipInvalid: true } } }],
  ['profile', { profile: { ...inputs.profile, revision: 'r2' } }],
  ['selector', { selector: {} }],
  ['tenant', { tenant: 'other' }],
])('inputsHash: covers %s', (_, change) => {
  expect(inputsHashOf({ ...inputs, ...change })).not.toBe(INPUTS_HASH);
});

/** printf 'sha256:11…11\nsha256:22…22' | sha256sum, without a line end after the last. */
const RERUN_HASH = 'sha256:4b7de16713be46a2c4ef6a364470515305f6189e7688c1de495568a26713b19e';

test('rerunHash: the digests in byte order, joined by line feeds', () => {
  const [one, two] = [`sha256:${'11'.repeat(32)}`, `sha256:${'22'.repeat(32)}`] as [Digest, Digest];
  expect(rerunHashOf([{ digest: one }, { digest: two }])).toBe(RERUN_HASH);
  expect(rerunHashOf([{ digest: two }, { digest: one }])).toBe(RERUN_HASH);
  expect(rerunHashOf([{ digest: one }])).not.toBe(RERUN_HASH);
});
