import { CodedError } from './errors.ts';

/** A label of the domain name system, as manifests-schema has it too. */
const TENANT = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The name of a tenant: lower-case letters, digits and hyphens, at most 63.
 *
 * @throws CodedError ERR_EXPORT_USAGE
 */
export function parseTenant(text: string): string {
  if (TENANT.test(text)) return text;
  throw new CodedError('ERR_EXPORT_USAGE', `not a valid tenant: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'use 1 to 63 lower-case letters, digits and hyphens, not beginning or ending with a hyphen',
  });
}
