import { LossDigest, maxListed } from '#artifacts';
import { compareText } from '#core';
import type { Loss } from '../export-manifest.generated.ts';

/**
 * Holds the losses in export.json against themselves: each reason once and in order, each record once and in order, as
 * many listed as there are up to the limit, and, where all are listed, sums and digest that follow from the list.
 *
 * @param leftOut how many records are left out, by reason, as `records` counts them
 * @returns what is wrong; undefined where nothing is
 */
export function faultOfLosses(losses: readonly Loss[], leftOut: Readonly<Record<string, number>>): string | undefined {
  for (const [index, loss] of losses.entries()) {
    const before = losses[index - 1];
    if (before !== undefined && compareText(before.reason, loss.reason) >= 0) {
      return `export.json lists the loss ${loss.reason} twice or out of order`;
    }
    const fault = faultOfLoss(loss, leftOut[loss.reason] ?? 0);
    if (fault !== undefined) return `the loss ${loss.reason} in export.json ${fault}`;
  }
  return undefined;
}

function faultOfLoss({ scope, records, parts, digest, listed }: Loss, leftOut: number): string | undefined {
  if (scope === 'record' && (parts !== records || listed.some((entry) => entry.parts !== 1))) {
    return 'counts parts of records that are left out whole';
  }
  // The selector may have a clause of the same name.
  if (scope === 'record' && records > leftOut) return `counts ${records} records, and ${leftOut} are left out`;
  if (listed.length !== Math.min(records, maxListed)) return `counts ${records} records, and lists ${listed.length}`;
  const misplaced = listed.find(({ record }, i) => i > 0 && compareText(listed[i - 1]?.record ?? '', record) >= 0);
  if (misplaced !== undefined) return `lists ${JSON.stringify(misplaced.record)} twice or out of order`;
  const listedParts = listed.reduce((sum, entry) => sum + entry.parts, 0);
  const unlisted = records - listed.length;
  if (listed.some((entry) => entry.parts < 1) || parts < listedParts + unlisted) return 'has fewer parts than records';
  if (unlisted > 0) return undefined;
  if (parts !== listedParts) return `counts ${parts} parts, and lists ${listedParts}`;
  const follows = new LossDigest();
  for (const entry of listed) follows.add(entry);
  return follows.finish() === digest ? undefined : 'has a digest that does not match its list';
}
