import type { LossCollector, LossScope } from '../losses.ts';

/** Why a record, or a part of one, is not in a trivy.db. A record that is left out whole counts once. */
export const trivyDbLosses = {
  /** Withdrawn by `asOf`. */
  withdrawn: 'record',
  /** A CVE record whose text begins by saying that it was rejected. */
  rejected: 'record',
  /** A VEX document: it says what is not vulnerable, and trivy takes those by `--vex`. */
  vexStatement: 'record',
  /** A record of a format that this builder does not read. */
  formatNotCarried: 'record',
  /** An erratum of an operating system that repairs or adds something, and names no vulnerability. */
  bugFixOnly: 'record',
  /** Nothing in it that trivy.db carries; the entries count as parts. */
  nothingCarried: 'record',
  /** An entry of `affected` in an ecosystem that is not carried, without a package, or with a name that no key can hold. */
  affectedNotCarried: 'part',
  /** An entry of `affected` that names commits only, or nothing at all. */
  affectedWithoutVersions: 'part',
  /** A listed version that trivy could not parse as an installed one, so that no scan could meet it. */
  versionNotComparable: 'part',
  /** A member that is not as OSV says: what cannot be read of it is left out. */
  memberInvalid: 'part',
  /** A bound that trivy could not parse; in its place is the nearest one that takes in more versions, or none. */
  boundWidened: 'part',
  /** Ranges of a package of an operating system that no fixed version says; more versions are reported instead. */
  rangesWidened: 'part',
  /** Versions without a fix, where trivy's driver of the operating system reports only those that have one. */
  unfixedNotCarried: 'part',
  /** Listed versions of a package of an operating system that no range takes in: trivy's drivers read no lists. */
  versionsNotCarried: 'part',
  /** A source package of Rocky Linux, whose installed packages the record does not name: trivy looks up those. */
  binariesNotNamed: 'part',
  /** A package of a module whose name and stream the record does not say, without which trivy finds none. */
  moduleNotCarried: 'part',
  /** An entry of `affected` of Red Hat: trivy needs data for it that no record has, and aborts without. */
  redHatNotCarried: 'part',
  /** The fixed versions of a package with hundreds of ranges: telling which of them are affected would take too long. */
  fixesNotShown: 'part',
  /** What a record says of a package and id on which a source that takes precedence speaks too. */
  outranked: 'part',
  /**
   * What a record says of a package and id on which others have said so much already that no row could hold all; the
   * first of those others is named too.
   */
  unionTooLarge: 'part',
  /** A record whose rows would take far more room than the record: it has many ids and many packages. */
  rowsTooLarge: 'record',
  /** What a record says of an id, where other records of its source have said too much already. */
  descriptionTooLarge: 'part',
} as const satisfies Readonly<Record<string, LossScope>>;

/** A reason of trivyDbLosses. */
export type TrivyDbLoss = keyof typeof trivyDbLosses;

/** What is left out of a trivy.db. */
export type TrivyDbLosses = LossCollector<TrivyDbLoss>;
