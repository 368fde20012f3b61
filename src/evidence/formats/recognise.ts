import type { CanonicalJson, JsonObject, JsonValue } from '#core';
import type { RecordClass } from '../record.ts';
import { Cursor } from './cursor.ts';
import type { Fault } from './fault.ts';
import type { RecordFormat } from './format.ts';
import { osv } from './osv.ts';
import { formats } from './registry.ts';
import { isObject } from './value.ts';

/** What a JSON text turned out to be. */
export interface Recognised {
  readonly format: RecordFormat;
  /** What is wrong with it, if anything is. */
  readonly fault: Fault | undefined;
  /** Whether members of it depart from its format and are let pass. */
  readonly departs: boolean;
}

const cursor = new Cursor();
const VALID: readonly Recognised[] = formats.map((format) => ({ format, fault: undefined, departs: false }));

/** The titles of all formats, for people: `OSV or OpenVEX`. */
export const formatTitles: string = titlesOf();

/** The titles of these formats, or of all, for people. */
export function titlesOf(names?: readonly string[]): string {
  const wanted = formats.filter(({ name }) => names === undefined || names.includes(name));
  return wanted.map(({ title }) => title).join(' or ');
}

/** The format that a JSON text means to be of, valid or not; undefined where it looks like none. */
export function recognise(json: CanonicalJson): Recognised | undefined {
  // Nearly all records are valid, and are told by that alone: their values need not be made.
  const valid = VALID.find(({ format }) => check(format, json) === undefined);
  if (valid !== undefined) return cursor.departures.length > 0 ? { ...valid, departs: true } : valid;
  const format = looksLike(json.value);
  return format === undefined ? undefined : { format, fault: check(format, json), departs: false };
}

function check({ schema }: RecordFormat, { bytes }: CanonicalJson): Fault | undefined {
  cursor.load(bytes);
  return schema.check(cursor);
}

function looksLike(value: JsonValue): RecordFormat | undefined {
  return isObject(value) ? formats.findLast((format) => format.looksLike(value)) : undefined;
}

/**
 * The key of a record of a class, by the rule of the format that it was collected in.
 *
 * @param hex SHA-256 of its canonical bytes
 * @returns undefined for what is of no format of the class, and where nothing in it could name it
 */
export function recordKeyOf(recordClass: RecordClass, json: CanonicalJson, hex: string): string | undefined {
  const { format, fault } = recognise(json) ?? {};
  if (format?.class !== recordClass) return undefined;
  return fault === undefined
    ? format.recordKeyOf(format.schema, hex)
    : format.recordKeyOfInvalid(json.value as JsonObject, hex);
}

/** A member of a record that departs from its format, and that readers leave out. */
export interface Departure {
  /** RFC 6901. */
  readonly pointer: string;
  readonly what: string;
}

/** The departures of an OSV record in canonical bytes that was collected: none of nearly all. */
export function departuresOfAdvisory(bytes: Uint8Array): readonly Departure[] {
  cursor.load(bytes);
  osv.schema.check(cursor);
  return cursor.departures;
}
