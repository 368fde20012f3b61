import type { RecordFormat } from './format.ts';
import { looksLikeOsv, osvRecord } from './osv-schema.ts';
import { modifiedOfOsv, subjectOfOsv } from './osv-subject.ts';
import { osvIdOf } from './osv-text.ts';

/** Advisories of the Open Source Vulnerability format. */
export const osv: RecordFormat = {
  name: 'osv',
  title: 'OSV',
  class: 'advisories',
  schema: osvRecord,
  looksLike: looksLikeOsv,
  keyOf: (found) => found.text('id') as string,
  keyOfInvalid: osvIdOf,
  modifiedOf: modifiedOfOsv,
  subjectOf: subjectOfOsv,
};
