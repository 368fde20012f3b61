import { basename } from 'node:path';
import { digestOf, encodeCanonical, hexOf, type JsonObject } from '#core';
import type { ResourceDescriptor } from '#signing';
import type { Plan } from './plan.ts';

/** Lists longer than this are cut, and say so: provenance has to stay small enough for every verifier. */
const MAX_FILES = 1000;

/**
 * What a run skipped, for provenance: the files of withheld records, and the files that hold no records.
 * Bundles know no file names, so this is the place that keeps them.
 */
export function skippedReportOf(plan: Plan): ResourceDescriptor {
  const { withheldFiles, withheldFilesCount, ignored, ignoredCount } = plan.records;
  const report = {
    withheldFiles: withheldFiles.slice(0, MAX_FILES).map((file) => ({ ...file, source: basename(file.source) })),
    withheldFilesCount,
    ignoredFiles: ignored.slice(0, MAX_FILES).map((file) => ({ ...file, source: basename(file.source) })),
    ignoredFilesCount: ignoredCount,
  };
  const bytes = encodeCanonical(report as unknown as JsonObject);
  return {
    name: 'account.json',
    mediaType: 'application/json',
    digest: { sha256: hexOf(digestOf(bytes)) },
    content: Buffer.from(bytes).toString('base64'),
  };
}
