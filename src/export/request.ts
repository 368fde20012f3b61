import { CodedError, type Instant, type JsonObject } from '#core';
import type { Selector } from '#evidence';

/** What is to be exported: everything that can change a byte of the bundle, and the places the records come from. */
export interface ExportRequest {
  /** The name of a profile. */
  readonly profile: string;
  /** Folders, archives and files with records. */
  readonly sources: readonly string[];
  readonly selector: Selector;
  readonly tenant: string;
  /** The bundle's one point in time; the newest change among the selected records unless told. */
  readonly asOf?: Instant | undefined;
  /** Withhold and list what is not fit to be exported, instead of failing. */
  readonly skipInvalid: boolean;
  /** Options of the profile; its defaults stand for what is not given. */
  readonly options?: JsonObject | undefined;
}

const TENANT = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The name of a tenant: lower-case letters, digits and hyphens, at most 63.
 *
 * @throws CodedError ERR_EXPORT_USAGE
 */
export function parseTenant(text: string): string {
  if (TENANT.test(text)) return text;
  throw new CodedError('ERR_EXPORT_USAGE', `not a tenant: ${JSON.stringify(text.slice(0, 100))}`, {
    hint: 'use 1 to 63 lower-case letters, digits and hyphens, not beginning or ending with a hyphen',
  });
}
