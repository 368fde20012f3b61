import type { RecordFormat } from './format.ts';
import { looksLikeOpenVex, openVexDocument } from './openvex-schema.ts';
import { modifiedOfOpenVex, subjectOfOpenVex } from './openvex-subject.ts';

/** OpenVEX documents. `@id` is not unique in the wild: 59 documents of one public repository share 8. */
export const openvex: RecordFormat = {
  name: 'openvex',
  title: 'OpenVEX',
  class: 'vex',
  schema: openVexDocument,
  looksLike: looksLikeOpenVex,
  keyOf: (_found, hex) => `openvex/${hex}`,
  keyOfInvalid: (_value, hex) => `openvex/${hex}`,
  modifiedOf: modifiedOfOpenVex,
  subjectOf: subjectOfOpenVex,
};
