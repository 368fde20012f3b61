import type { RecordFormat } from './format.ts';
import { modifiedOfOsv, propertiesOfOsv } from './osv-properties.ts';
import { looksLikeOsv, osvRecord } from './osv-schema.ts';
import { osvIdOf } from './osv-text.ts';

/** Advisories of the Open Source Vulnerability format. */
export const osv: RecordFormat = {
  name: 'osv',
  title: 'OSV',
  class: 'advisories',
  schema: osvRecord,
  looksLike: looksLikeOsv,
  recordKeyOf: (found) => found.text('id') as string,
  recordKeyOfInvalid: osvIdOf,
  modifiedOf: modifiedOfOsv,
  propertiesOf: propertiesOfOsv,
};
