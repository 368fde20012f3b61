import type { Instant, JsonObject } from '#core';
import type { Selector } from '#evidence';
import type { DatabasePlace } from './base.ts';

/** What is to be exported: everything that can change a byte of the bundle, and the places the records come from. */
export interface ExportRequest {
  /** The name of a profile. */
  readonly profile: string;
  /** Folders, archives and files with records; none are needed where there is a base. */
  readonly sources: readonly string[];
  /** The database that others have built and into which the records are merged. */
  readonly base?: DatabasePlace | undefined;
  readonly selector: Selector;
  readonly tenant: string;
  /** The bundle's one point in time; default: the newest change among the selected records. */
  readonly asOf?: Instant | undefined;
  /** Withhold and list what is not fit to be exported, instead of failing. */
  readonly withholdInvalid: boolean;
  /** Options of the profile; its defaults stand for what is not given. */
  readonly options?: JsonObject | undefined;
}
