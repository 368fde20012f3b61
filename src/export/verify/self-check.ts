import { compareText } from '#core';
import type { ExportManifest } from '../export-manifest.generated.ts';
import { inputsHashOf, rerunHashOf } from '../hashes.ts';
import { faultOfLosses } from './losses.ts';
import { faultOfMerge } from './merge.ts';
import { contentMismatch } from './mismatch.ts';

/**
 * Holds export.json against itself: its hashes follow from it, its files are in order and each once, and its counts
 * add up.
 *
 * @throws CodedError ERR_EXPORT_CONTENT_MISMATCH
 */
export function checkItself(manifest: ExportManifest, place: string): void {
  const fault = faultOf(manifest);
  if (fault !== undefined) throw contentMismatch(place, fault);
}

function faultOf(manifest: ExportManifest): string | undefined {
  const { version, contents, records, withheld, losses, merge } = manifest;
  if (inputsHashOf(manifest) !== manifest.inputsHash) return 'inputsHash does not match the inputs';
  if (rerunHashOf(contents) !== manifest.rerunHash) return 'rerunHash does not match the contents';
  const misplaced = contents.find(({ path }, i) => i > 0 && compareText(contents[i - 1]?.path ?? '', path) >= 0);
  if (misplaced !== undefined) return `export.json lists ${misplaced.path} twice or out of order`;
  const held = contents.reduce((sum, content) => sum + content.records, 0);
  if (held !== records.kept) return `export.json counts ${records.kept} records, and ${held} in its files`;
  if (withheld.length !== records.withheld) {
    return `export.json counts ${records.withheld} withheld records, and lists ${withheld.length}`;
  }
  if (merge !== undefined && (version === '1.0.0' || version === '1.1.0')) {
    return `export.json of version ${version} has a merge`;
  }
  const fault = merge && faultOfMerge(merge);
  if (fault !== undefined) return `the merge in export.json ${fault}`;
  if (losses === undefined) return undefined;
  return version === '1.0.0' ? 'export.json of version 1.0.0 has losses' : faultOfLosses(losses, records.leftOut);
}
