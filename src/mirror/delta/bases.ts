import { CodedError } from '#core';
import type { BaseForm, BasePlace, BaseRequest } from './base.ts';
import { listForm } from './list-base.ts';
import { refuseMistakenBase } from './mistaken-base.ts';
import { codeForm, receiptForm } from './receipt-base.ts';
import { registryForm } from './registry-base.ts';
import { snapshotForm } from './snapshot-base.ts';

/** All forms of bases. The first one that a text has counts; a registry's name may look like most. */
const baseForms: readonly BaseForm[] = [listForm, receiptForm, snapshotForm, codeForm, registryForm];

/** The forms of bases, for help texts. */
export const baseFormsText = baseForms.map(({ form }) => form).join(', ');

/**
 * The base that a text means.
 *
 * @throws CodedError ERR_EXPORT_USAGE, ERR_EXPORT_STREAM_MISMATCH
 */
export function parseBase(text: string, place: BasePlace): BaseRequest {
  for (const form of baseForms) {
    if (form === registryForm) refuseMistakenBase(text, place.stream);
    const request = form.parse(text, place);
    if (request !== undefined) return request;
  }
  throw new CodedError('ERR_EXPORT_USAGE', `--base ${JSON.stringify(text.slice(0, 200))}: not a base`, {
    hint: `specify one of: ${baseFormsText}; a registry without http:// or https://`,
  });
}
