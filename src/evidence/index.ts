export { type CollectOptions, collectRecords } from './collect.ts';
export { describeSource } from './describe.ts';
export { type Departure, departuresOfAdvisory, formatTitles, recordKeyOf, titlesOf } from './formats/recognise.ts';
export { readTime } from './formats/timestamp.ts';
export { idsOfAdvisory } from './ids.ts';
export type {
  ClassSummary,
  EvidenceRecord,
  IgnoredFile,
  RecordClass,
  RecordRange,
  RecordSet,
  SharedRecords,
  WithheldFile,
  WithheldRecord,
} from './record.ts';
export { readSharedRecords } from './record-batches.ts';
export { type Severity, severities } from './record-properties.ts';
export { emptyRecordSet } from './record-set.ts';
export { compilePackageFilter, type PackageFilter } from './select/compile.ts';
export { type Clause, clauses, describeLeftOut, parseSelector, type Selector } from './select/selector.ts';
export { type CvssVectors, cvssOfAdvisory, severityOfAdvisory } from './severity.ts';
export { explainWithheld, maxWithheld } from './withheld-records.ts';
