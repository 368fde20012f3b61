import type { JsonObject } from '#core';
import type { RecordClass } from '../record.ts';
import type { RecordProperties } from '../record-properties.ts';
import type { Found, ObjectCheck } from './object-check.ts';

/** All that differs from one format of records to the next. */
export interface RecordFormat {
  /** As records and builders name it, such as `osv`. */
  readonly name: string;
  /** As users know it. */
  readonly title: string;
  readonly class: RecordClass;
  readonly schema: ObjectCheck;
  /** Whether an object that is valid in no format means to be of this one. Formats later in the list are asked first. */
  looksLike(value: JsonObject): boolean;
  /** The key of a valid record, from its members and the hex SHA-256 of its canonical bytes. Unique within the class. */
  recordKeyOf(found: Found, hex: string): string;
  /** The same of any object that looks like one; undefined where nothing in it could name it. */
  recordKeyOfInvalid(value: JsonObject, hex: string): string | undefined;
  /** When a valid record was last changed, as it says it. */
  modifiedOf(found: Found): string;
  /** What a selector asks of a valid record. */
  propertiesOf(value: JsonObject): RecordProperties;
}
