/** A package that a record is about. */
export interface AffectedPackage {
  /** As OSV spells it, with its suffix where there is one: `npm`, `Debian:12`. */
  readonly ecosystem: string;
  /** As OSV spells it: `golang.org/x/net`, `@scope/name`, `group:artifact`. */
  readonly name: string;
}

/** The properties of a record that selectors use, in any format. Each is computed when it is called. */
export interface RecordProperties {
  /** Its id, aliases, or the ids of its vulnerabilities. */
  ids(): Iterable<string>;
  packages(): Iterable<AffectedPackage>;
  isWithdrawn(): boolean;
  /** The highest rating that the record gives; undefined when it gives none. */
  severity(): Severity | undefined;
}

/** Ratings of severity. `none` is a score of 0. */
export type Severity = 'none' | 'low' | 'medium' | 'high' | 'critical';

/** Ratings from the least to the most. */
export const severities: readonly Severity[] = ['none', 'low', 'medium', 'high', 'critical'];
