import { buildJsonRaw, checkJsonRaw, jsonRawAdapter } from '#artifacts';
import { mediaTypes } from '#core';
import { selfDescribingForm } from '../forms.ts';
import { noOptions } from './options.ts';
import type { Profile } from './profile.ts';

/** The records themselves. */
export const jsonRaw: Profile = {
  name: 'json:raw',
  revision: 'r1',
  summary: 'the records themselves, canonical JSON lines in content-defined shards',
  artifactType: mediaTypes.exportBundle,
  adapter: jsonRawAdapter,
  passes: 2,
  options: noOptions,
  form: selfDescribingForm,
  build: ({ records, build }) => buildJsonRaw(records, build),
  check: ({ inputs, contents, shards, records }) =>
    checkJsonRaw({ classes: inputs.classes, contents, shards, kept: records.kept }),
};
