// Generated from manifests-schema/export-manifest.schema.json by `npm run generate`: edit the schema, not this file.
import { CodedError, type Digest, type Instant, type JsonValue, parseJson } from '#core';
import { findFaults } from './export-manifest.validator.generated.ts';

/**
 * export.json: what a bundle holds, what it was made from, and what was left out. The same inputs give the same bytes; what varies per run stands in the provenance.
 */
export interface ExportManifest {
  /** The identifier of this schema. */
  readonly schema: 'https://stellaops.io/export-center/schemas/export-manifest/v1';
  /** Version of the document's form; a reader of 1.0 understands every 1.x that it accepts. */
  readonly version: string;
  readonly profile: Profile;
  /** Whose evidence this is. */
  readonly tenant: string;
  readonly selector: Selector;
  /** The bundle's one point in time: every date in it derives from this one. */
  readonly asOf: Instant;
  /** The builders that wrote the contents, in byte order of name. */
  readonly adapters: readonly Adapter[];
  readonly shards?: Shards;
  readonly inputs: Inputs;
  /** SHA-256 over the inputs and everything that decides what is made of them (docs/FORMATS.md). */
  readonly inputsHash: Digest;
  /** The files of the bundle in byte order of path, without this one and checksums.txt. */
  readonly contents: readonly Content[];
  /** SHA-256 over the digests of the contents: equal for two runs that made the same files (docs/FORMATS.md). */
  readonly rerunHash: Digest;
  readonly records: Records;
  /** Records that were not fit to be exported, in byte order of record. */
  readonly withheld: readonly WithheldRecord[];
  /**
   * What the profile could not carry, in byte order of reason; since version 1.1.0, and only where there is anything.
   */
  readonly losses?: readonly Loss[];
  readonly merge?: Merge;
  readonly delta?: Delta;
}

/** What the consumer wanted. */
export interface Profile {
  /** What its artifacts are for: the half of the name before the colon. */
  readonly kind: string;
  /** The half of the name after the colon. */
  readonly variant: string;
  /** The name by which it is asked for, e.g. `json:raw`. */
  readonly name: string;
  /** A profile never changes: another meaning is another revision. */
  readonly revision: string;
}

/** Which records were wanted; empty for all. */
export interface Selector {
  /** One of these must fit; in byte order, each once. */
  readonly ecosystems?: readonly string[];
  /** Names, or globs of names. */
  readonly packages?: readonly string[];
  /** One of these must fit; in byte order, each once. */
  readonly ids?: readonly string[];
  /** Records without a score stay. */
  readonly minimumSeverity?: 'low' | 'medium' | 'high' | 'critical';
  readonly modifiedSince?: Instant;
  readonly modifiedUntil?: Instant;
  /** What becomes of withdrawn records; `include` unless told. */
  readonly withdrawn?: 'include' | 'exclude' | 'only';
}

export interface Adapter {
  readonly name: string;
  /** Raised when, and only when, the same records give other bytes. */
  readonly version: number;
}

/** How records were cut into shards, where they were. */
export interface Shards {
  /** A shard begins at a key whose SHA-256 ends in so many zero bits. */
  readonly k: number;
}

/** What went in. */
export interface Inputs {
  readonly classes: Classes;
  readonly options: Options;
}

/** Empty where nothing but a base went in. */
export interface Classes {
  readonly advisories?: Class;
  readonly vex?: Class;
}

export interface Class {
  readonly count: number;
  /** SHA-256 over `key NUL hex(digest) LF` of each selected record in byte order of key. */
  readonly digest: Digest;
}

/** Options that were set or that have a default which reaches the contents. */
export interface Options {
  /** Whether records that cannot be exported are withheld, instead of ending the export. */
  readonly skipInvalid?: boolean;
  readonly [k: string]: unknown;
}

export interface Content {
  /** Relative, with forward slashes; the title of the layer. */
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Records that the file holds; 0 for indexes and metadata. */
  readonly records: number;
  readonly mediaType: string;
}

/** How many records went which way. */
export interface Records {
  readonly kept: number;
  /** Records left out, by the clause or rule that did so; a record counts once. */
  readonly leftOut: {
    readonly [k: string]: number;
  };
  /** Records kept although the severity clause could not judge them. */
  readonly unscored: number;
  readonly withheld: number;
}

export interface WithheldRecord {
  /** Its id, else `sha256:` and the hash of its bytes as they were found. */
  readonly record: string;
  /** Why; docs/FORMATS.md has the table. */
  readonly code: string;
  /** Where in the record (RFC 6901); empty for the whole. */
  readonly pointer: string;
}

export interface Loss {
  /** Why; docs/FORMATS.md has the table. */
  readonly reason: string;
  /** Whether records are left out whole, or parts of records. */
  readonly scope: 'record' | 'part';
  /** How many records are concerned. */
  readonly records: number;
  /** How many parts of them; as many as records where they are left out whole. */
  readonly parts: number;
  /** SHA-256 over `record NUL parts NUL pointer LF` of each record concerned, in byte order of record. */
  readonly digest: Digest;
  /** The first of the records, in byte order: all of them, or a thousand. */
  readonly listed: readonly LossEntry[];
}

export interface LossEntry {
  readonly record: string;
  /** How many parts of it; 1 where it is the whole record. */
  readonly parts: number;
  /** The first of them in the record (RFC 6901); empty for the whole. */
  readonly pointer: string;
}

/**
 * What became of a database that others have built and into which the records were merged; since version 1.2.0, and only where there is one.
 */
export interface Merge {
  /** Size of the base as a file. */
  readonly baseBytes: number;
  /** Size of the merged database as a file. */
  readonly mergedBytes: number;
  /** The root buckets of both, in byte order of name. */
  readonly buckets: readonly MergedBucket[];
  /**
   * What both say of one package and id, by what became of it, in byte order of reason; a record is an id of a vulnerability, its parts are rows, and the pointer names bucket and package of the first.
   */
  readonly conflicts: readonly Loss[];
}

/**
 * What became of its keys, sub-buckets included: base = kept + replaced + united + removed + all that is left out.
 */
export interface MergedBucket {
  readonly name: string;
  /** Keys of the base. */
  readonly base: number;
  /** Byte for byte. */
  readonly kept: number;
  /** By the own value of the same key. */
  readonly replaced: number;
  /** With the own value of the same key. */
  readonly united: number;
  /** Since they would have overridden an own advisory in another bucket. */
  readonly removed: number;
  /** By reason; docs/FORMATS.md has the table. */
  readonly leftOut: {
    readonly [k: string]: Amount;
  };
  /** Own keys that the base does not have. */
  readonly added: number;
}

export interface Amount {
  readonly keys: number;
  /** Of keys and values. */
  readonly bytes: number;
}

/** The bundle that this one adds to, where it is not whole by itself. */
export interface Delta {
  readonly baseManifestDigest: Digest;
}

/**
 * Reads a document that must conform to manifests-schema/export-manifest.schema.json.
 *
 * @param name what the document is called in an error (a file, an entry, a digest)
 * @throws CodedError ERR_EXPORT_JSON_INVALID, and ERR_EXPORT_SCHEMA as checkExportManifest does
 */
export function parseExportManifest(bytes: Uint8Array, name: string): ExportManifest {
  return checkExportManifest(parseJson(bytes, name), name);
}

/**
 * The value itself, known to conform to manifests-schema/export-manifest.schema.json.
 *
 * @throws CodedError ERR_EXPORT_SCHEMA with all `faults` ({pointer, problem}) in its details
 */
export function checkExportManifest(value: JsonValue, name: string): ExportManifest {
  const faults = findFaults(value);
  const [first] = faults;
  if (first === undefined) return value as unknown as ExportManifest;
  const more = faults.length === 1 ? '' : `, and ${faults.length - 1} more`;
  throw new CodedError('ERR_EXPORT_SCHEMA', `${name}: ${first.pointer || 'the document'} ${first.problem}${more}`, {
    hint: 'compare the document with manifests-schema/export-manifest.schema.json',
    details: { name, schema: 'export-manifest', faults },
  });
}
