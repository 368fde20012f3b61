import type { CodedError, JsonObject, JsonValue } from '#core';
import { metadataInvalid } from '../faults.ts';

/** A value in a document of TUF and where it is: each method gives what the schema asks for, or throws. */
export class JsonNode {
  readonly value: JsonValue | undefined;
  readonly #document: string;
  readonly #pointer: string;

  /** @param document what the document is called in an error */
  constructor(value: JsonValue | undefined, document: string, pointer = '') {
    this.value = value;
    this.#document = document;
    this.#pointer = pointer;
  }

  /** @returns the error ERR_EXPORT_TUF_INVALID for this place */
  fault(what: string): CodedError {
    return metadataInvalid(this.#document, `${this.#pointer === '' ? 'the document' : this.#pointer}: ${what}`);
  }

  object(): JsonObject {
    const { value } = this;
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value as JsonObject;
    throw this.fault('expected an object');
  }

  /** The member of an object, whether it has it or not. Only its own: no name reaches a prototype. */
  member(name: string): JsonNode {
    const object = this.object();
    return this.#below(Object.hasOwn(object, name) ? object[name] : undefined, name);
  }

  /** As `member`; undefined where the object does not have it. */
  optional(name: string): JsonNode | undefined {
    const node = this.member(name);
    return node.value === undefined ? undefined : node;
  }

  entries(max: number): [name: string, node: JsonNode][] {
    const entries = Object.entries(this.object());
    if (entries.length > max) throw this.fault(`${entries.length} members, more than ${max}`);
    return entries.map(([name, value]) => [name, this.#below(value, name)]);
  }

  list(max: number): JsonNode[] {
    const { value } = this;
    if (!Array.isArray(value)) throw this.fault('expected an array');
    if (value.length > max) throw this.fault(`${value.length} items, more than ${max}`);
    return (value as readonly JsonValue[]).map((item, i) => this.#below(item, String(i)));
  }

  text(form: RegExp, what: string): string {
    if (typeof this.value === 'string' && form.test(this.value)) return this.value;
    throw this.fault(`expected ${what}`);
  }

  /** A whole number from `min` to 2^53 - 1. */
  integer(min: number): number {
    if (Number.isSafeInteger(this.value) && (this.value as number) >= min) return this.value as number;
    throw this.fault(`expected a whole number of at least ${min}`);
  }

  flag(): boolean {
    if (typeof this.value === 'boolean') return this.value;
    throw this.fault('expected true or false');
  }

  #below(value: JsonValue | undefined, name: string): JsonNode {
    const token = name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
    return new JsonNode(value, this.#document, `${this.#pointer}/${token}`);
  }
}
