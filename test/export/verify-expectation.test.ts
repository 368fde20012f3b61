import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Instant } from '#core';
import { type Expectation, verifyArtifact } from '#export';
import type { Layout } from '#oci/layout';
import { goAdvisory } from '../fixtures/records.ts';
import { destinationIn, type ExportFixture, openVerifyFixture, requestFor, type SignerFixture } from './fixture.ts';
import { forge } from './forge.ts';

let fixture: ExportFixture;
let layout: Layout;
let keys: SignerFixture;
beforeEach(async () => {
  ({ fixture, layout, keys } = await openVerifyFixture());
  const source = await fixture.source([goAdvisory('GO-2026-0001')]);
  await forge(fixture, layout, requestFor(source, { profile: 'trivy:db', tenant: 'blue' }), keys);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const verify = (expected: Expectation) =>
  verifyArtifact(destinationIn(layout).reference, layout, keys.verifier, { expected });

const AS_OF = '2026-02-01T00:00:00Z' as Instant;

test('what is expected verifies, each member alone and all together', async () => {
  const expected = { profile: 'trivy:db', tenant: 'blue', minAsOf: AS_OF };
  for (const each of [{}, expected, { profile: 'trivy:db' }, { tenant: 'blue' }, { minAsOf: AS_OF }]) {
    await expect(verify(each)).resolves.toMatchObject({ profile: 'trivy:db', tenant: 'blue', asOf: AS_OF });
  }
});

test.each<[Expectation, string]>([
  [{ profile: 'json:raw' }, 'its profile is trivy:db, expected json:raw'],
  [{ tenant: 'default' }, 'its tenant is blue, expected default'],
  [{ minAsOf: '2026-02-01T00:00:00.000000001Z' as Instant }, 'its asOf is 2026-02-01T00:00:00Z, expected'],
  [{ profile: 'trivy:db', tenant: 'blue', minAsOf: '2026-02-01T00:00:01Z' as Instant }, 'or later'],
])('another bundle than %j fails before its layers are read', async (expected, message) => {
  const fetched = vi.spyOn(layout, 'fetch');
  await expect(verify(expected)).rejects.toMatchObject({
    code: 'ERR_EXPORT_EXPECTATION_MISMATCH',
    message: expect.stringContaining(message),
  });
  const types = fetched.mock.calls.map(([{ mediaType }]) => mediaType);
  expect(types.filter((type) => type.includes('trivy'))).toEqual([]);
});
