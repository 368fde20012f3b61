import type { RecordFormat } from './format.ts';
import { modifiedOfOpenVex, propertiesOfOpenVex } from './openvex-properties.ts';
import { looksLikeOpenVex, openVexDocument } from './openvex-schema.ts';

/** OpenVEX documents. `@id` is not unique in the wild: 59 documents of one public repository share 8. */
export const openvex: RecordFormat = {
  name: 'openvex',
  title: 'OpenVEX',
  class: 'vex',
  schema: openVexDocument,
  looksLike: looksLikeOpenVex,
  recordKeyOf: (_found, hex) => `openvex/${hex}`,
  recordKeyOfInvalid: (_value, hex) => `openvex/${hex}`,
  modifiedOf: modifiedOfOpenVex,
  propertiesOf: propertiesOfOpenVex,
};
