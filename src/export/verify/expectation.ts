import { CodedError, compareInstants, type Instant } from '#core';
import type { ExportManifest } from '../export-manifest.generated.ts';

/** Which bundle is wanted; a valid one that is another fails. What is left out may be anything. */
export interface Expectation {
  /** The name of a profile. */
  readonly profile?: string | undefined;
  readonly tenant?: string | undefined;
  /** The earliest `asOf`. */
  readonly minAsOf?: Instant | undefined;
}

/**
 * Holds what export.json, proven by now, says of a bundle against what was wanted: a tag may have been pointed at
 * another bundle that the same key signed.
 *
 * @throws CodedError ERR_EXPORT_EXPECTATION_MISMATCH
 */
export function checkExpectation(
  expected: Expectation,
  { profile, tenant, asOf }: ExportManifest,
  place: string,
): void {
  const { minAsOf } = expected;
  if (expected.profile !== undefined && expected.profile !== profile.name) {
    throw unexpected(place, `its profile is ${profile.name}, expected ${expected.profile}`, 'profile');
  }
  if (expected.tenant !== undefined && expected.tenant !== tenant) {
    throw unexpected(place, `its tenant is ${tenant}, expected ${expected.tenant}`, 'tenant');
  }
  if (minAsOf !== undefined && compareInstants(asOf, minAsOf) < 0) {
    throw unexpected(place, `its asOf is ${asOf}, expected ${minAsOf} or later`, 'asOf');
  }
}

function unexpected(place: string, what: string, member: string): CodedError {
  return new CodedError('ERR_EXPORT_EXPECTATION_MISMATCH', `${place}: signed by this key, but ${what}`, {
    hint: 'check the reference; if it is right, ask who moved the tag or why no newer bundle was published',
    details: { place, member },
  });
}
