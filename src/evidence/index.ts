export { type CollectOptions, collectRecords } from './collect.ts';
export { type CvssScore, type CvssVersion, ratingOf, scoreOf } from './cvss.ts';

export { describeSource, type SourceDescription } from './describe.ts';
export type {
  ClassSummary,
  EvidenceRecord,
  IgnoredFile,
  RecordClass,
  RecordFormat,
  RecordSet,
  WithheldFile,
  WithheldRecord,
} from './record.ts';
export { type Clause, clauses, parseSelector, type Selector } from './select/selector.ts';
export { type Severity, severities } from './subject.ts';
